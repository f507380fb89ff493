// One film: frames are made when asked for and kept until something that they depend on changes.

// key: value of the settings that each part depends on; see CONTROLS for units.
const DEPENDS = {
  beam: ["frequency", "bandwidth", "aperture", "focus"],
  tissue: ["density"],
  motion: ["lateral", "axial", "elevation", "strain", "rotation", "strategy", "coherence", "alpha", "snr"],
  windows: ["window", "search"],
  point: ["x", "z"],
};
const STEP = 20; // pixels between the points of the map

function makeFilm(facts) {
  let p = null; // the settings
  const kept = {}; // name -> {key, value}
  const keyOf = (...parts) => parts.flatMap((part) => DEPENDS[part]).map((name) => p[name]).join();
  const keep = (name, key, make) => {
    if (!kept[name] || kept[name].key !== key) kept[name] = { key, value: make() };
    return kept[name].value;
  };
  const list = (name, key) => keep(name, key, () => []);

  const beam = () => keep("beam", keyOf("beam"), () => makeBeam(facts, {
    frequency: 1e6 * p.frequency, bandwidth: p.bandwidth / 100, aperture: 1e-3 * p.aperture, focus: 1e-3 * p.focus,
  }));
  const density = () => 1e6 * p.density;
  const tissueOf = (name, seed) => keep(name, keyOf("tissue"), () => makeTissue(facts, density(), seed));
  const tissue = () => tissueOf("tissue", facts.seed);
  const pixels = () => keep("pixels", keyOf("beam"), () => converter(beam()));
  const motion = (t) => motionAt({
    lateral: 1e-3 * p.lateral, axial: 1e-3 * p.axial, elevation: 1e-3 * p.elevation,
    strain: p.strain / 100, rotation: (p.rotation * Math.PI) / 180,
  }, t);
  const background = () => keep("background", `${keyOf("beam", "tissue")},${p.strategy},${p.coherence}`, () => {
    const s1 = p.strategy === "S1", empty = emptySources(beam());
    if (s1 && p.coherence === 1) return empty;
    const rest = tissueOf("rest", facts.seed + 1);
    return addScatterers(beam(), empty, rest, s1 ? (i) => rest.lot[i] >= p.coherence : null);
  });

  // The coherence of S2 and S3 in frame t; S3 corrects by what S2 came to, C + alpha (C - C_sim).
  const coherence = (t) => {
    if (p.strategy === "S2" || t === 0) return facts.clip[t];
    const corrected = list("corrected", keyOf("beam", "tissue", "motion", "windows"));
    return (corrected[t] ??= correct(t));
  };

  function correct(t) {
    const wanted = facts.clip[t], reached = meanOf(mapOf(shoot(t, wanted), t));
    return Math.max(0, Math.min(1, wanted + p.alpha * (wanted - reached)));
  }

  // Frame t with wall and background weighed by c and 1 - c; with S1 the draw decides instead.
  function shoot(t, c) {
    const b = beam(), { lot } = tissue(), still = background();
    const s1 = p.strategy === "S1";
    const sources = addScatterers(b, emptySources(b), moveTissue(tissue(), motion(t)), s1 ? (i) => lot[i] < p.coherence : null);
    const [wall, rest] = s1 ? [1, 1] : [c, 1 - c];
    const size = s1 ? 1 : Math.hypot(c, 1 - c);
    for (let i = 0; i < sources.re.length; i++) {
      sources.re[i] = (wall * sources.re[i] + rest * still.re[i]) / size;
      sources.im[i] = (wall * sources.im[i] + rest * still.im[i]) / size;
    }
    const iq = finish(b, imageOf(b, sources), density(), p.snr, t);
    return { iq, envelope: picture(pixels(), iq) };
  }

  const frames = () => list("frames", keyOf("beam", "tissue", "motion") + (p.strategy === "S3" ? keyOf("windows") : ""));
  const frame = (t) => (frames()[t] ??= shoot(t, p.strategy === "S1" ? 1 : coherence(t)));
  const analysis = (name, ...parts) => list(name, keyOf("beam", "tissue", "motion", "windows", ...parts));

  const half = () => Math.max(1, Math.round((1e-3 * p.window / pixels().pitch - 1) / 2));
  const search = () => Math.round((1e-3 * p.search) / pixels().pitch);
  const toPixel = ([x, z]) => [x / pixels().pitch + PIXELS / 2 - 0.5, (z - facts.rMin) / pixels().pitch - 0.5];
  const toMetres = ([u, v]) => [(u + 0.5 - PIXELS / 2) * pixels().pitch, facts.rMin + (v + 0.5) * pixels().pitch];
  const seen = (u, v) => pixels().index[Math.round(v) * PIXELS + Math.round(u)] >= 0;
  const inside = ([u, v]) => fits(Math.round(u), Math.round(v), half() + 1)
    && [[0, 1], [0, -1], [1, 0], [-1, 0]].every(([a, b]) => seen(u + a * half(), v + b * half()));
  const places = (step) => {
    const line = spread(step / 2, PIXELS - step / 2, PIXELS / step);
    return line.flatMap((v) => line.map((u) => [u, v])).filter(inside);
  };

  // Best correlation with frame 0 about the true places, [{at, value}]; what left the sector is out.
  function mapOf(now, t) {
    const first = frame(0).envelope, m = motion(t);
    return places(STEP).flatMap((at) => {
      const to = toPixel(move(m, ...toMetres(at)));
      if (!inside(to)) return [];
      return { at, value: match(first, now.envelope, ...at.map(Math.round), ...to.map(Math.round), half(), search()).value };
    });
  }
  const meanOf = (map) => average(map.map(({ value }) => value));
  const map = (t) => (analysis("maps")[t] ??= mapOf(frame(t), t));

  // Correlation at the chosen point: of I/Q in the true place, best of the search, and in theory.
  function point(t) {
    return (analysis("points", "point")[t] ??= (() => {
      const at = [1e-3 * p.x, 1e-3 * p.z], m = motion(t), to = move(m, ...at), window = 1e-3 * p.window;
      if (!inside(toPixel(to)) || !inside(toPixel(at))) return null;
      const c = p.strategy === "S1" ? 1 : coherence(t);
      const shares = p.strategy === "S1" ? [p.coherence, 1 - p.coherence] : [c / Math.hypot(c, 1 - c), 0];
      return {
        measured: intensityCorrelation(beam(), frame(0).iq, frame(t).iq, at, to, window),
        theory: t === 0 ? 1 : expectedCorrelation(beam(), at, m, window, shares, p.snr),
      };
    })());
  }

  // Block matching from frame to frame: where points are taken to be in frame t, [[u, v]] in pixels.
  function tracks(t) {
    const all = analysis("tracks", "point");
    if (!all[0]) all[0] = [toPixel([1e-3 * p.x, 1e-3 * p.z]), ...places(2 * STEP)];
    return (all[t] ??= (() => {
      const [before, now] = [frame(t - 1).envelope, frame(t).envelope];
      return tracks(t - 1).map((at) => {
        const [u, v] = at.map(Math.round);
        if (!fits(u, v, half() + 1)) return at;
        const { x, z } = match(before, now, u, v, u, v, half(), search());
        return [at[0] + x, at[1] + z];
      });
    })());
  }
  const truth = (t) => tracks(0).map((at) => toPixel(move(motion(t), ...toMetres(at))));

  return {
    set: (settings) => { p = settings; },
    frame, map, point, tracks, truth, coherence, meanOf, toMetres, toPixel, beam, half, pixels, inside,
    has: (t) => t in frames(),
    done: (t) => [["maps"], ["points", "point"], ["tracks", "point"]].every((parts) => t in analysis(...parts)),
  };
}
