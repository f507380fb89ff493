// The point-spread function, by the formulas of tas_lib.simulator.exact, on a grid of range r and
// s = sin(angle), carrier removed. A source at (r', s') sounds at the pixel (r, s) as
//     h = sum_j a_j(r - r') c_j(s - s'; r', s),    c_j: send and listen at the frequency f_j
//     a_j(d) = 2 sum_f W(f) L_j(f) exp(4 pi i (f - fc) d / c) df
// with L_j Lagrange's polynomials at a few f_j, as beams change smoothly with frequency. Listening
// is focused on the source's range instead of the pixel's, which counts in the near field alone.

const TERMS = 5; // frequencies of the beams
const HALO = 24; // lines that a beam reaches to each side, at most
const TAPS = 2 * HALO + 1;
const BLOCK = 3; // lines that share a beam
const DEPTHS = 48; // ranges at which beams are computed, even in 1 / r

const sinc = (t) => (t ? Math.sin(Math.PI * t) / (Math.PI * t) : 1);
const spread = (from, to, n) => Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));

// i W: one wavelength of a sine through the probe, both ways.
function pulseEcho(fc, bandwidth, f) {
  const power = Math.log(126) / Math.log(2 / bandwidth);
  const half = (bandwidth * fc) / 2 / Math.log(2) ** (1 / power);
  const pulse = sinc((f - fc) / fc) - sinc((f + fc) / fc);
  return pulse * Math.exp(-((Math.abs(f - fc) / half) ** power));
}

// Lowest and highest frequency at which |W| stays above a share of its peak.
function bandOf({ frequency, bandwidth }, floor) {
  const f = spread(0, 3 * frequency, 1501);
  const w = f.map((g) => Math.abs(pulseEcho(frequency, bandwidth, g)));
  const inside = f.filter((_, i) => w[i] > floor * Math.max(...w));
  return [inside[0], inside[inside.length - 1]];
}

// facts: probe and picture, SI units; settings: frequency, bandwidth, aperture, focus.
function makeBeam(facts, settings) {
  const { c, pitch, rMin, rMax, sMax } = facts;
  const band = bandOf(settings, 0.01);
  const wavelength = c / settings.frequency;
  const elements = Math.round(settings.aperture / pitch);
  const dr = (0.8 * c) / (2 * (band[1] - band[0]));
  const step = (0.35 * wavelength) / (elements * pitch);
  const blocks = Math.ceil((2 * sMax / step + 1) / BLOCK);
  const lines = blocks * BLOCK;
  const ds = (2 * sMax) / (lines - 1);
  const pad = Math.ceil(1.8e-3 / dr);
  const rows = Math.ceil((rMax - rMin) / dr) + 1;
  const grid = {
    rows, lines, blocks, dr, ds, pad,
    sourceRows: rows + 2 * pad,
    columns: lines + 2 * HALO,
    r0: rMin - pad * dr, // of the sources, which begin `pad` rows above the picture
    s0: -sMax - HALO * ds,
  };
  const x = spread(-1, 1, elements).map((t) => (t * (elements - 1) * pitch) / 2);
  const beam = { facts, settings, band, grid, wavelength, wavenumber: (2 * Math.PI) / wavelength };
  beam.pulses = pulses(beam, undone);
  Object.assign(beam, beams(beam, Float64Array.from(x)));
  beam.slice = makeSlice(beam);
  beam.gain = sensitivity(beam);
  return beam;
}

// The frequencies f_j, and L_j there.
const nodes = ([low, high]) => spread(low + 0.14 * (high - low), high - 0.14 * (high - low), TERMS);
const lagrange = (at, f) => at.map((fj) => at.reduce((l, fi) => (fi === fj ? l : (l * (f - fi)) / (fj - fi)), 1));

// a_j: re, im [offset][term], offsets from -pad to pad, weighed by a function of cycles a sample.
function pulses({ facts, settings, band, grid }, weight) {
  const { pad, dr } = grid;
  const at = nodes(band), f = spread(0.9 * band[0], 1.1 * band[1], 96);
  const re = new Float64Array((2 * pad + 1) * TERMS), im = new Float64Array(re.length);
  for (const g of f) {
    const cycles = (2 * (g - settings.frequency) * dr) / facts.c, turn = 2 * Math.PI * cycles;
    const w = 2 * (f[1] - f[0]) * weight(cycles) * pulseEcho(settings.frequency, settings.bandwidth, g);
    lagrange(at, g).forEach((share, j) => {
      for (let d = -pad; d <= pad; d++) {
        re[(d + pad) * TERMS + j] += w * share * Math.sin(turn * d);
        im[(d + pad) * TERMS + j] -= w * share * Math.cos(turn * d);
      }
    });
  }
  return { re, im };
}

// exp(i k_j (path - r)) from the point at (r, s), [term][element], as [re, im].
function turns(x, k, s, r) {
  const re = new Float64Array(k.length * x.length), im = new Float64Array(re.length);
  const px = r * s, pz = r * Math.sqrt(1 - s * s);
  for (let e = 0; e < x.length; e++) {
    const late = Math.hypot(px - x[e], pz) - r;
    for (let j = 0; j < k.length; j++) {
      re[j * x.length + e] = Math.cos(k[j] * late);
      im[j * x.length + e] = Math.sin(k[j] * late);
    }
  }
  return [re, im];
}

// What the elements hear of sources at range r: [column][term][element], up to the middle column.
function elementFactors({ facts, grid, wavelength }, x, k, r, gr, gi) {
  const count = x.length, step = k[1] - k[0];
  for (let n = 0; 2 * n < grid.columns; n++) {
    const s = Math.max(-0.995, grid.s0 + n * grid.ds);
    const z = r * Math.sqrt(1 - s * s);
    for (let e = 0; e < count; e++) {
      const path = Math.hypot(r * s - x[e], z);
      const weight = ((z / path) * sinc(((facts.width / wavelength) * (r * s - x[e])) / path)) / Math.sqrt(path);
      const ur = Math.cos(step * (path - r)), ui = -Math.sin(step * (path - r));
      let cr = weight * Math.cos(k[0] * (path - r)), ci = -weight * Math.sin(k[0] * (path - r));
      for (let j = 0; j < TERMS; j++) {
        const i = (n * TERMS + j) * count + e, mirrored = ((grid.columns - 1 - n) * TERMS + j + 1) * count - 1 - e;
        gr[i] = gr[mirrored] = cr;
        gi[i] = gi[mirrored] = ci;
        const next = cr * ur - ci * ui;
        ci = cr * ui + ci * ur;
        cr = next;
      }
    }
  }
}

// c_j of all rows: re, im [row][block][term][tap]; and how many lines they reach to each side.
function beams(beam, x) {
  const { facts, settings, band, grid } = beam;
  const { blocks, columns, sourceRows, r0, dr } = grid;
  const k = nodes(band).map((f) => (2 * Math.PI * f) / facts.c);
  const size = blocks * TERMS * TAPS, count = x.length;
  const ranges = spread(1 / r0, 1 / (r0 + (sourceRows - 1) * dr), DEPTHS).map((q) => 1 / q);
  const half = Array.from({ length: Math.ceil(blocks / 2) }, (_, b) => b);
  const sine = (b) => grid.s0 + (HALO + b * BLOCK + (BLOCK - 1) / 2) * grid.ds;
  const sends = half.map((b) => turns(x, k, sine(b), settings.focus));
  const gr = new Float64Array(columns * TERMS * count), gi = new Float64Array(gr.length);
  const known = ranges.map((r) => {
    const re = new Float32Array(size), im = new Float32Array(size);
    elementFactors(beam, x, k, r, gr, gi);
    for (const b of half) {
      const [sr, si] = sends[b], [br, bi] = turns(x, k, sine(b), r);
      for (let tap = 0; tap < TAPS; tap++) {
        const column = b * BLOCK + (BLOCK - 1) / 2 + tap;
        for (let j = 0; j < TERMS; j++) {
          let tr = 0, ti = 0, lr = 0, li = 0;
          for (let e = 0, i = (column * TERMS + j) * count, n = j * count; e < count; e++, i++, n++) {
            const a = gr[i], c = gi[i];
            tr += a * sr[n] - c * si[n];
            ti += a * si[n] + c * sr[n];
            lr += a * br[n] - c * bi[n];
            li += a * bi[n] + c * br[n];
          }
          const at = (b * TERMS + j) * TAPS + tap, mirrored = ((blocks - 1 - b) * TERMS + j + 1) * TAPS - 1 - tap;
          re[at] = re[mirrored] = tr * lr - ti * li;
          im[at] = im[mirrored] = tr * li + ti * lr;
        }
      }
    }
    return { re, im, reach: reachOf(re, im) };
  });
  return { ...fill(grid, ranges, known, size), size };
}

// Lines to each side beyond which less than 1e-4 of a beam's energy lies.
function reachOf(re, im) {
  const energy = new Float64Array(HALO + 1);
  for (let i = 0; i < re.length; i++) {
    energy[Math.abs((i % TAPS) - HALO)] += re[i] ** 2 + im[i] ** 2;
  }
  const total = energy.reduce((a, b) => a + b);
  let reach = HALO;
  for (let left = energy[HALO]; reach > 4 && left < 1e-4 * total; left += energy[reach]) reach--;
  return reach;
}

// Beams of all rows from those of some ranges, cubic in 1 / r.
function fill({ sourceRows, r0, dr }, ranges, known, size) {
  const re = new Float32Array(sourceRows * size), im = new Float32Array(sourceRows * size);
  const reach = new Uint8Array(sourceRows);
  const step = (1 / ranges[DEPTHS - 1] - 1 / ranges[0]) / (DEPTHS - 1);
  for (let row = 0; row < sourceRows; row++) {
    const r = r0 + row * dr;
    const i = Math.max(1, Math.min(DEPTHS - 3, Math.floor((1 / r - 1 / ranges[0]) / step)));
    const t = (1 / r - 1 / ranges[i]) / step;
    const [w, x, y, z] = [
      (-t * (t - 1) * (t - 2)) / 6, ((t + 1) * (t - 1) * (t - 2)) / 2,
      (-(t + 1) * t * (t - 2)) / 2, ((t + 1) * t * (t - 1)) / 6,
    ];
    const [a, b, c, d] = known.slice(i - 1, i + 3);
    reach[row] = Math.max(b.reach, c.reach);
    for (let n = 0, m = row * size; n < size; n++, m++) {
      re[m] = w * a.re[n] + x * b.re[n] + y * c.re[n] + z * d.re[n];
      im[m] = w * a.im[n] + x * b.im[n] + y * c.im[n] + z * d.im[n];
    }
  }
  return { re, im, reach };
}
