// The page: controls, views, and the state in the address.

// key: [label, unit, least, most, step, group]
const CONTROLS = {
  lateral: ["lateral", "mm", 0, 1, 0.05, "Motion a frame"],
  axial: ["axial", "mm", 0, 1, 0.05, "Motion a frame"],
  elevation: ["out of plane", "mm", 0, 0.5, 0.02, "Motion a frame"],
  strain: ["strain, whole film", "%", -30, 30, 1, "Motion a frame"],
  rotation: ["rotation", "°", 0, 2, 0.1, "Motion a frame"],
  coherence: ["coherence p (S1)", "", 0, 1, 0.05, "Speckle"],
  alpha: ["correction α (S3)", "", 0, 2, 0.25, "Speckle"],
  density: ["scatterers", "per mm²", 0.5, 16, 0.5, "Speckle"],
  snr: ["signal to noise", "dB", 0, 40, 1, "Speckle"],
  frequency: ["frequency", "MHz", 2, 3.4, 0.02, "Probe"],
  bandwidth: ["bandwidth", "%", 50, 100, 1, "Probe"],
  aperture: ["aperture", "mm", 9, 21, 0.3, "Probe"],
  focus: ["focus", "mm", 40, 140, 5, "Probe"],
  range: ["dynamic range", "dB", 20, 70, 1, "View"],
  window: ["window", "mm", 3, 16, 0.1, "View"],
  search: ["search each way", "mm", 0.4, 4, 0.4, "View"],
};
const STRATEGIES = { S1: "S1: fixed share p", S2: "S2: as the real clip", S3: "S3: S2, corrected" };

function laboratory(root) {
  const facts = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const find = (name) => root.querySelector(`[data-${name}]`);
  const state = { ...facts.defaults };
  const film = makeFilm(facts);
  const [play, slider, status, note] = ["play", "frame", "status", "note"].map(find);
  const [stories, questions] = ["preset", "question"].map((name) => [...root.querySelectorAll(`[data-${name}]`)]);
  const inputs = {};
  const middle = 1e3 * PIVOT, places = { x: [-60, 60, 0.1], z: [25, 145, 0.1] };
  const address = addressOf("lab", facts.defaults, {
    ...Object.fromEntries(Object.entries(CONTROLS).map(([key, c]) => [key, c.slice(2, 5)])),
    ...places, strategy: STRATEGIES, question: [0, stories.length - 1, 1], frame: [0, FRAMES - 1, 1],
  });
  let timer = 0, asked = false, shown = 0, spent = 0;

  // ---- controls
  const panel = find("controls");
  for (const group of [...new Set(Object.values(CONTROLS).map((c) => c[5]))]) {
    const box = panel.appendChild(document.createElement("fieldset"));
    box.innerHTML = `<legend>${group}</legend>`;
    if (group === "Speckle") {
      const options = Object.entries(STRATEGIES).map(([key, text]) => `<option value="${key}">${text}</option>`);
      box.insertAdjacentHTML("beforeend", `<label>strategy <select>${options.join("")}</select></label>`);
      inputs.strategy = box.querySelector("select");
    }
    for (const [key, [label, unit, least, most, step, own]] of Object.entries(CONTROLS)) {
      if (own !== group) continue;
      box.insertAdjacentHTML("beforeend", `<label>${label} <span aria-hidden="true"></span><input type="range" min="${least}" max="${most}" step="${step}"></label>`);
      const input = (inputs[key] = box.lastChild.querySelector("input"));
      input.show = () => {
        const text = `${+Number(input.value).toFixed(2)} ${unit}`.trim();
        input.previousSibling.textContent = text;
        input.setAttribute("aria-valuetext", text);
      };
    }
  }
  for (const [key, input] of Object.entries(inputs)) {
    input.oninput = () => {
      state[key] = key === "strategy" ? input.value : Number(input.value);
      input.show?.();
      enable();
      ask();
    };
    input.onchange = () => address.write(state);
  }
  const enable = () => {
    inputs.coherence.disabled = state.strategy !== "S1";
    inputs.alpha.disabled = state.strategy !== "S3";
  };
  const showControls = () => {
    for (const [key, input] of Object.entries(inputs)) { input.value = state[key]; input.show?.(); }
    enable();
    stories.forEach((button, i) => {
      button.setAttribute("aria-pressed", i === state.question);
      questions[i].hidden = i !== state.question;
      if (questions[i].hidden) questions[i].querySelector("details").open = false;
    });
  };

  // ---- views
  const bmode = find("picture"), mapView = find("map");
  const pixels = new ImageData(PIXELS, PIXELS);
  const buffer = document.createElement("canvas");
  buffer.width = buffer.height = PIXELS;
  const white = 20 * Math.log10(3.5); // the whitest level, in RMS

  function drawFrame() {
    const { envelope } = film.frame(state.frame);
    const words = new Uint32Array(pixels.data.buffer), { index } = film.pixels();
    const slope = 255 / state.range, factor = 20 / Math.LN10;
    for (let i = 0; i < words.length; i++) {
      const level = index[i] < 0 ? 0 : Math.max(0, Math.min(255, 255 + (factor * Math.log(envelope[i] + 1e-6) - white) * slope));
      words[i] = (index[i] < 0 ? 0 : 0xff000000) | (level << 16) | (level << 8) | level;
    }
    buffer.getContext("2d").putImageData(pixels, 0, 0);
    const g = sharpContext(bmode, PIXELS, PIXELS);
    g.drawImage(buffer, 0, 0);
    const truth = film.truth(state.frame), found = film.done(state.frame) ? film.tracks(state.frame) : truth;
    truth.forEach(([u, v], i) => {
      if (i && !film.inside([u, v])) return;
      ring(g, [u, v], 3.5, "#f0e442", i ? 1.2 : 2);
      g.strokeStyle = "#56b4e9";
      const [a, b] = found[i];
      g.beginPath(); g.moveTo(a - 3, b); g.lineTo(a + 3, b); g.moveTo(a, b - 3); g.lineTo(a, b + 3); g.moveTo(u, v); g.lineTo(a, b); g.stroke();
    });
    const w = 2 * film.half() + 1;
    g.strokeStyle = "#f0e442"; g.lineWidth = 2;
    g.strokeRect(truth[0][0] - w / 2, truth[0][1] - w / 2, w, w);
  }

  function drawMap() {
    const g = sharpContext(mapView, PIXELS, PIXELS);
    if (!film.done(state.frame)) return;
    for (const { at: [u, v], value } of film.map(state.frame)) {
      g.fillStyle = facts.palette[Math.round(31 * Math.max(0, Math.min(1, value)))];
      g.fillRect(u - STEP / 2, v - STEP / 2, STEP, STEP);
    }
    ring(g, film.tracks(0)[0], 6, "#fff", 2);
    ring(g, film.tracks(0)[0], 7.5, "#000", 1);
  }

  function drawCharts() {
    const theme = themeOf(root);
    const ready = Array.from({ length: FRAMES }, (_, t) => t).filter(film.done);
    const seen = ready.filter((t) => film.point(t)), x = [0, FRAMES - 1], cursor = state.frame;
    const mean = ready.map((t) => [t, film.meanOf(film.map(t))]);
    const lines = [
      { label: "theory", kind: "line", colour: 0, points: seen.map((t) => [t, film.point(t).theory]) },
      { label: "this point", kind: "dots", colour: 1, points: seen.map((t) => [t, film.point(t).measured]) },
      { label: "all points, best match", kind: "rings", colour: 2, points: mean },
      { label: "the real clip", kind: "dashed", colour: 3, points: facts.clip.map((c, t) => [t, c]) },
    ];
    chart(find("curve"), theme, { xLabel: "frame", yLabel: "correlation", x, y: [0, 1.02], cursor, series: lines });

    const pitch = 1e3 * film.pixels().pitch;
    const moved = (list, axis) => seen.map((t) => [t, (list(t)[0][axis] - film.tracks(0)[0][axis]) * pitch]);
    const series = [0, 1].flatMap((axis) => [
      { label: `${["lateral", "axial"][axis]}, true`, kind: "line", colour: axis, points: moved(film.truth, axis) },
      { label: `${["lateral", "axial"][axis]}, matched`, kind: axis ? "dots" : "rings", colour: axis, points: moved(film.tracks, axis) },
    ]);
    const all = series.flatMap((s) => s.points.map((q) => q[1]));
    chart(find("displacement"), theme, { xLabel: "frame", yLabel: "displacement (mm)", x, y: [Math.min(-1, ...all), Math.max(1, ...all)], cursor, series });

    const { counts, snr } = histogram(film.beam(), film.frame(state.frame).iq, 40, 60e-3);
    chart(find("histogram"), theme, {
      xLabel: "envelope / RMS, beyond 60 mm", yLabel: "density", x: [0, 3], y: [0, 1], series: [
        { label: "this frame", kind: "bars", colour: 0, points: Array.from(counts, (c, i) => [(3 * i) / 40, c]) },
        { label: "Rayleigh", kind: "line", colour: 1, points: spread(0, 3, 90).map((a) => [a, 2 * a * Math.exp(-a * a)]) },
      ],
    });
    report(snr);
  }

  function report(snr) {
    const t = state.frame, parts = [`frame ${t} of 0–${FRAMES - 1}`];
    if (film.done(t)) {
      const here = film.point(t), truth = film.truth(t), found = film.tracks(t), pitch = 1e3 * film.pixels().pitch;
      parts.push(here ? `correlation here ${here.measured.toFixed(2)}, theory ${here.theory.toFixed(2)}` : "the point's window has left the picture");
      parts.push(`all points ${film.meanOf(film.map(t)).toFixed(2)}`);
      const errors = truth.flatMap((at, i) => (film.inside(at) ? [pitch * Math.hypot(at[0] - found[i][0], at[1] - found[i][1])] : []));
      parts.push(`tracking error ${average(errors).toFixed(2)} mm`);
    }
    if (state.strategy !== "S1") parts.push(`coherence ${film.coherence(t).toFixed(2)}`);
    parts.push(`mean / SD ${snr.toFixed(2)} (Rayleigh 1.91)`);
    status.textContent = parts.join(" · ");
    note.textContent = `The last new frame took ${spent.toFixed(0)} ms to draw.`;
    bmode.setAttribute("aria-label", `B-mode picture, ${parts.join(", ")}`);
  }

  // ---- redrawing: the frame at once, the rest in the pauses
  function ask() {
    if (!asked) requestAnimationFrame(redraw);
    asked = true;
    root.dataset.ready = "no";
  }

  function redraw() {
    asked = false;
    film.set(state);
    keepInside();
    film.set({ ...state });
    slider.value = state.frame;
    slider.setAttribute("aria-valuetext", `frame ${state.frame}`);
    const fresh = !film.has(state.frame), start = performance.now();
    drawFrame();
    if (fresh) spent = performance.now() - start;
    root.dataset.redraws = ++shown;
    drawMap();
    if (!fresh) drawCharts(); // else in the pause that follows
    clearTimeout(timer);
    timer = setTimeout(() => { if (!clock.running()) address.write(state); if (fresh) drawCharts(); fillIn(); }, 40);
  }

  // Frames in order, as the tracker needs them; one a turn, so that controls stay alive.
  function fillIn() {
    const t = Array.from({ length: FRAMES }, (_, i) => i).find((i) => !film.done(i));
    if (t === undefined) { root.dataset.ready = "yes"; return; }
    film.frame(t); film.tracks(t); film.map(t); film.point(t);
    if (t === state.frame) { drawFrame(); drawMap(); }
    if (!clock.running()) drawCharts();
    timer = setTimeout(fillIn, 0);
  }

  const show = (t) => { state.frame = (t + FRAMES) % FRAMES; ask(); };
  const clock = clockOf(play, () => show(state.frame + 1), 80);
  find("back").onclick = () => { clock.run(false); show(state.frame - 1); };
  find("next").onclick = () => { clock.run(false); show(state.frame + 1); };
  play.addEventListener("click", () => address.write(state));
  find("reset").onclick = () => { clock.run(false); begin(story(state.question)); };
  slider.oninput = () => { clock.run(false); show(Number(slider.value)); };

  // Moves a point towards the middle until its window lies in the picture.
  function keepInside() {
    const inside = () => film.inside(film.toPixel([1e-3 * state.x, 1e-3 * state.z]));
    while (!inside()) { state.x = within(0.97 * state.x, places.x); state.z = within(middle + 0.97 * (state.z - middle), places.z); }
  }

  const place = (x, z) => {
    state.x = within(x, places.x);
    state.z = within(z, places.z);
    ask();
  };
  for (const view of [bmode, mapView]) {
    view.onclick = (event) => {
      const box = view.getBoundingClientRect(), scale = PIXELS / box.width;
      const [x, z] = film.toMetres([(event.clientX - box.left) * scale, (event.clientY - box.top) * scale]);
      place(1e3 * x, 1e3 * z);
    };
    view.onkeydown = (event) => {
      const way = { ArrowLeft: [-2, 0], ArrowRight: [2, 0], ArrowUp: [0, -2], ArrowDown: [0, 2] }[event.key];
      if (!way) return;
      event.preventDefault();
      place(state.x + way[0], state.z + way[1]);
    };
  }
  const story = (question) => ({ ...facts.defaults, ...JSON.parse(stories[question].dataset.preset), question });
  stories.forEach((button, question) => {
    button.onclick = () => {
      address.push(state, story(question));
      begin(story(question));
      clock.run(!matchMedia("(prefers-reduced-motion: reduce)").matches);
    };
  });

  new MutationObserver(ask).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const begin = (given) => { Object.assign(state, given); showControls(); ask(); };
  addEventListener("hashchange", () => { if (address.read()) { clock.run(false); begin(address.read()); } });
  begin(address.read());
}
