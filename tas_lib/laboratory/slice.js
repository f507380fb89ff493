// The third dimension, by the formulas of tas_lib.simulator.elevation: how the lens weighs scatterers
// beside the plane. A table over 1 / r and |y| of w exp(2 i k0 p), smooth, and its correlation.

const SLICES = 48; // ranges
const HEIGHTS = 104; // elevations
const STRIPS = 48; // of half an element

// p(r, y): how much later than the plane the wave reaches y [m].
function latePath({ facts, wavenumber }) {
  const start = 2 / (wavenumber * (0.4 * facts.height) ** 2);
  const lens = 1 / facts.elevationFocus;
  const size = lens * lens + start * start;
  const [re, im2] = [-lens / size, (start / size) ** 2];
  return (r, y) => (y * y * (r + re)) / (2 * ((r + re) ** 2 + im2));
}

function makeSlice(beam) {
  const { facts, settings, grid } = beam;
  const half = facts.height / 2;
  const path = latePath(beam);
  const f = spread(...beam.band, 10);
  const near = grid.r0 - 1e-3;
  const q0 = 1 / near, q1 = 1 / (facts.rMax + 5e-3);
  const re = new Float32Array(SLICES * HEIGHTS);
  const im = new Float32Array(SLICES * HEIGHTS);
  const thickness = new Float64Array(SLICES), edge = new Float32Array(SLICES); // of what is seen, in steps
  const dy = slabAt(facts, facts.rMax) / (HEIGHTS - 1);
  for (let i = 0; i < SLICES; i++) {
    const r = 1 / (q0 + ((q1 - q0) * i) / (SLICES - 1));
    const wr = new Float64Array(HEIGHTS), wi = new Float64Array(HEIGHTS);
    for (const g of f) {
      const k = (2 * Math.PI * g) / facts.c;
      const b = pulseEcho(settings.frequency, settings.bandwidth, g) ** 2 / g;
      const lens = (k / 2) * (1 / r - 1 / facts.elevationFocus);
      const at = spread(half / STRIPS / 2, half * (1 - 0.5 / STRIPS), STRIPS);
      const cos = at.map((s) => Math.cos(lens * s * s)), sin = at.map((s) => -Math.sin(lens * s * s));
      for (let n = 0; n < HEIGHTS; n++) {
        const y = n * dy;
        let er = 0, ei = 0;
        for (let s = 0; s < STRIPS; s++) {
          const w = Math.cos((k * at[s] * y) / r);
          er += cos[s] * w;
          ei += sin[s] * w;
        }
        const turn = 2 * k * (path(r, y) - (y * y) / (2 * r));
        const [sr, si, tr, ti] = [er * er - ei * ei, 2 * er * ei, Math.cos(turn), Math.sin(turn)];
        wr[n] += b * (sr * tr - si * ti);
        wi[n] += b * (sr * ti + si * tr);
      }
    }
    const size = wr[0] ** 2 + wi[0] ** 2;
    for (let n = 0; n < HEIGHTS; n++) {
      re[i * HEIGHTS + n] = (wr[n] * wr[0] + wi[n] * wi[0]) / size;
      im[i * HEIGHTS + n] = (wi[n] * wr[0] - wr[n] * wi[0]) / size;
      const power = (wr[n] ** 2 + wi[n] ** 2) / size;
      thickness[i] += (n === 0 || n === HEIGHTS - 1 ? 1 : 2) * dy * power;
      if (power > 1e-3) edge[i] = Math.min(n + 1, HEIGHTS - 1.001);
    }
  }
  const table = { re, im, dy, path, edge, q0, qStep: (q1 - q0) / (SLICES - 1), near, far: facts.rMax + 4e-3 };
  const row = (r) => (1 / Math.min(Math.max(r, near), table.far) - q0) / table.qStep;
  return { ...table, row, thickness: (r) => between(thickness, row(r)) };
}

function between(values, at) {
  const i = Math.min(values.length - 2, Math.floor(at));
  return values[i] + (at - i) * (values[i + 1] - values[i]);
}

// rho of I/Q, complex, after a shift [m] in elevation of the tissue at range r; each frequency of the
// pulse turns by its own wavenumber over the path.
function sliceCorrelation({ slice, facts, settings, band }, r, shift) {
  const weight = (y) => {
    const at = Math.abs(y) / slice.dy;
    return at > HEIGHTS - 1.001 ? [0, 0] : interpolate2(slice.re, slice.im, HEIGHTS, slice.row(r), at);
  };
  const tones = spread(...band, 10).map((f) => ({
    turn: (-4 * Math.PI * f) / facts.c, power: pulseEcho(settings.frequency, settings.bandwidth, f) ** 2 / f,
  }));
  let re = 0, im = 0, norm = 0;
  for (const y of spread(-1, 1, 241).map((t) => t * HEIGHTS * slice.dy)) {
    const [a, b] = weight(y), [p, q] = weight(y + shift);
    const x = a * p + b * q, v = b * p - a * q, late = slice.path(r, y) - slice.path(r, y + shift);
    for (const { turn, power } of tones) {
      const cos = Math.cos(turn * late), sin = Math.sin(turn * late);
      re += power * (x * cos - v * sin);
      im += power * (x * sin + v * cos);
      norm += power * (a * a + b * b);
    }
  }
  return [re / norm, im / norm];
}

function interpolate2(re, im, width, row, column) {
  const i = Math.floor(row), j = Math.floor(column), u = row - i, v = column - j;
  const n = i * width + j, m = Math.min(i + 1, re.length / width - 1) * width + j;
  const mix = (a) => (1 - u) * ((1 - v) * a[n] + v * a[n + 1]) + u * ((1 - v) * a[m] + v * a[m + 1]);
  return [mix(re), mix(im)];
}
