// What the pages share: state in the address, and a clock.

const average = (list) => list.reduce((sum, v) => sum + v, 0) / Math.max(1, list.length);

// A value between limits, on one of the steps from the least.
const within = (value, [least, most, step]) =>
  +(least + step * Math.round((Math.max(least, Math.min(most, value)) - least) / step)).toFixed(6);

// State that is kept in the address as #name&key=value, where it differs from the defaults. limits:
// key -> [least, most, step] or {word: ...}.
function addressOf(name, defaults, limits) {
  const given = () => new URLSearchParams(location.hash.slice(1));
  return {
    write(state) {
      const changed = Object.keys(limits).filter((key) => state[key] !== defaults[key]);
      if (!changed.length && !given().has(name)) return;
      history.replaceState(null, "", "#" + [name, ...changed.map((key) => `${key}=${state[key]}`)].join("&"));
    },
    // The state that the address gives, or null.
    read() {
      if (!given().has(name)) return null;
      const state = { ...defaults };
      for (const [key, text] of given()) {
        const limit = limits[key], value = parseFloat(text);
        if (Array.isArray(limit) && Number.isFinite(value)) state[key] = within(value, limit);
        else if (limit && text in limit) state[key] = text;
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
