// What the pages share: state in the address, and a clock.

const average = (list) => list.reduce((sum, v) => sum + v, 0) / Math.max(1, list.length);

// A value between limits, on one of the steps from the least.
const within = (value, [least, most, step]) =>
  +(least + step * Math.round((Math.max(least, Math.min(most, value)) - least) / step)).toFixed(6);

// State that is kept in the address as #name&key=value, where it differs from the defaults. limits:
// key -> [least, most, step] or {word: ...}.
function addressOf(name, defaults, limits) {
  const given = () => new URLSearchParams(location.hash.slice(1));
  const textOf = (state) => "#" + [
    name, ...Object.keys(limits).filter((key) => state[key] !== defaults[key]).map((key) => `${key}=${state[key]}`),
  ].join("&");
  return {
    write(state) {
      const hash = textOf(state);
      if (hash !== "#" + name || given().has(name)) history.replaceState(null, "", hash);
    },
    // As a new entry of the history; the one that it leaves names its state as well, to go back to.
    push(from, state) {
      history.replaceState(null, "", textOf(from));
      if (textOf(from) !== textOf(state)) history.pushState(null, "", textOf(state));
    },
    // The state that the address gives, or null.
    read() {
      if (!given().has(name)) return null;
      const state = { ...defaults };
      for (const [key, text] of given()) {
        const limit = Object.hasOwn(limits, key) ? limits[key] : {}, value = parseFloat(text);
        if (Array.isArray(limit)) { if (Number.isFinite(value)) state[key] = within(value, limit); }
        else if (Object.hasOwn(limit, text)) state[key] = text;
      }
      return state;
    },
  };
}

// A button that plays: tick() every so many milliseconds, while the page shows it.
function clockOf(button, tick, period) {
  let playing = false, last = 0;
  const advance = (now) => {
    if (!playing || !button.isConnected) return;
    if (now - last > period) { last = now; tick(); }
    requestAnimationFrame(advance);
  };
  const run = (on) => {
    if (on && !playing) requestAnimationFrame(advance);
    playing = on;
    button.textContent = on ? "Pause" : "Play";
  };
  button.onclick = () => run(!playing);
  return { run, running: () => playing };
}
