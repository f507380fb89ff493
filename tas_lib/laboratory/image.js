// From scatterers to I/Q: each is spread over a few samples of the polar grid, then beams run along
// its rows (which change with range and angle) and pulses along its columns.

const REACH = 4; // samples to each side over which a scatterer is spread along a row
const STEM = 2; // the same along a column
const BEND = 7; // of Kaiser's window there
const FINE = 256; // steps of the tables a sample

const bessel = (x) => { let sum = 1, term = 1; for (let n = 1; n < 25; n++) sum += term *= (x / 2 / n) ** 2; return sum; };
const kaiser = (t, bend) => (Math.abs(t) > 1 ? 0 : bessel(bend * Math.sqrt(1 - t * t)) / bessel(bend));

// A function of the distance from a position between two samples, [step][sample].
function tableOf(reach, value) {
  const width = 2 * reach;
  return Float32Array.from({ length: (FINE + 1) * width }, (_, i) => value(Math.floor(i / width) / FINE - (i % width) + reach - 1));
}

// Along rows a sinc under Kaiser's window; along columns, shorter, that window alone, whose spectrum
// pulses undo.
const WINDOW = tableOf(REACH, (t) => sinc(t) * kaiser(t / REACH, 4.8));
const COLUMN = tableOf(STEM, (t) => kaiser(t / STEM, BEND));

// 1 over the spectrum of the window along columns, at a frequency in cycles a sample.
function undone(frequency) {
  const root = Math.sqrt(BEND ** 2 - (2 * Math.PI * STEM * frequency) ** 2);
  return (bessel(BEND) * root) / (2 * STEM * Math.sinh(root));
}

const emptySources = ({ grid }) => ({
  re: new Float32Array(grid.sourceRows * grid.columns),
  im: new Float32Array(grid.sourceRows * grid.columns),
});

// Adds scatterers to the sources: x, z, y [m] and strength, from `count` of them those with keep(i).
function addScatterers(beam, sources, { x, z, y, rc }, keep) {
  const { grid, slice, wavenumber } = beam;
  const { re, im } = sources;
  const { columns, sourceRows } = grid;
  const width = 2 * REACH, tall = 2 * STEM;
  const nearest = grid.r0 ** 2, farthest = (grid.r0 + sourceRows * grid.dr) ** 2, steepest = (grid.s0 + REACH * grid.ds) ** 2;
  const { edge, dy, q0, qStep, near, far, path } = slice;
  for (let i = 0; i < x.length; i++) {
    const across = x[i] * x[i], square = across + z[i] * z[i];
    if (square < nearest || square > farthest || across > steepest * square || z[i] < 0 || (keep && !keep(i))) continue;
    const r = Math.sqrt(square);
    const sliceRow = (1 / Math.min(Math.max(r, near), far) - q0) / qStep, si = Math.floor(sliceRow);
    const high = Math.abs(y[i]) / dy, sj = Math.floor(high);
    if (high > edge[si]) continue;
    const late = path(r, y[i]);
    const row = (r + late - grid.r0) / grid.dr, r0 = Math.floor(row);
    if (!(row >= STEM && row < sourceRows - STEM)) continue;
    const column = (x[i] / r - grid.s0) / grid.ds, unseen = Math.max(REACH, HALO - beam.reach[r0] - REACH);
    if (column < unseen || column > columns - 1 - unseen) continue;
    const u = sliceRow - si, v = high - sj, n = si * HEIGHTS + sj, m = Math.min(si + 1, SLICES - 1) * HEIGHTS + sj;
    const wr = (1 - u) * ((1 - v) * slice.re[n] + v * slice.re[n + 1]) + u * ((1 - v) * slice.re[m] + v * slice.re[m + 1]);
    const wi = (1 - u) * ((1 - v) * slice.im[n] + v * slice.im[n + 1]) + u * ((1 - v) * slice.im[m] + v * slice.im[m + 1]);
    const turn = -2 * wavenumber * (r + late);
    const cos = Math.cos(turn) * rc[i], sin = Math.sin(turn) * rc[i];
    const pr = wr * cos - wi * sin, pi = wr * sin + wi * cos;
    const c0 = Math.floor(column);
    const a = Math.round((row - r0) * FINE) * tall, b = Math.round((column - c0) * FINE) * width;
    let at = (r0 - STEM + 1) * columns + c0 - REACH + 1;
    for (let k = 0; k < tall; k++, at += columns) {
      const qr = pr * COLUMN[a + k], qi = pi * COLUMN[a + k];
      for (let l = 0; l < width; l++) {
        const w = WINDOW[b + l];
        re[at + l] += qr * w;
        im[at + l] += qi * w;
      }
    }
  }
  return sources;
}

// I/Q {re, im} [row][line] of sources. The three lines of a block share beams and are summed at once.
function imageOf(beam, sources) {
  const { grid, pulses, re: kr, im: ki, reach, size } = beam;
  const { rows, lines, blocks, columns, pad, sourceRows } = grid;
  const each = TERMS * BLOCK, heard = sourceRows * blocks * each;
  const lr = new Float32Array(heard), li = new Float32Array(heard); // [row][block][term][line]
  const { re: sr, im: si } = sources;
  for (let row = 0, at = 0; row < sourceRows; row++) {
    const from = HALO - reach[row], to = HALO + reach[row];
    for (let b = 0; b < blocks; b++) {
      for (let j = 0; j < TERMS; j++, at += BLOCK) {
        const kernel = row * size + (b * TERMS + j) * TAPS, source = row * columns + b * BLOCK;
        let ar = 0, ai = 0, br = 0, bi = 0, cr = 0, ci = 0;
        let tr = sr[source + from], ti = si[source + from], ur = sr[source + from + 1], ui = si[source + from + 1];
        for (let tap = from; tap <= to; tap++) {
          const p = kr[kernel + tap], q = ki[kernel + tap], vr = sr[source + tap + 2], vi = si[source + tap + 2];
          ar += tr * p - ti * q; ai += tr * q + ti * p;
          br += ur * p - ui * q; bi += ur * q + ui * p;
          cr += vr * p - vi * q; ci += vr * q + vi * p;
          tr = ur; ti = ui; ur = vr; ui = vi;
        }
        lr[at] = ar; lr[at + 1] = br; lr[at + 2] = cr;
        li[at] = ai; li[at + 1] = bi; li[at + 2] = ci;
      }
    }
  }
  const out = { re: new Float32Array(rows * lines), im: new Float32Array(rows * lines) };
  const { re: pr, im: pi } = pulses;
  for (let row = 0, i = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++, i += BLOCK) {
      let ar = 0, ai = 0, br = 0, bi = 0, cr = 0, ci = 0;
      for (let d = 0, k = 0; d <= 2 * pad; d++) {
        for (let at = ((row + 2 * pad - d) * blocks + b) * each, end = at + each; at < end; at += BLOCK, k++) {
          const p = pr[k], q = pi[k];
          ar += lr[at] * p - li[at] * q; ai += lr[at] * q + li[at] * p;
          br += lr[at + 1] * p - li[at + 1] * q; bi += lr[at + 1] * q + li[at + 1] * p;
          cr += lr[at + 2] * p - li[at + 2] * q; ci += lr[at + 2] * q + li[at + 2] * p;
        }
      }
      out.re[i] = ar; out.re[i + 1] = br; out.re[i + 2] = cr;
      out.im[i] = ai; out.im[i + 1] = bi; out.im[i + 2] = ci;
    }
  }
  return out;
}

// [row][block]: 1 over the RMS of |I/Q| for one scatterer of unit variance per cubic metre.
function sensitivity(beam) {
  const { grid, re, im, size, slice } = beam;
  const { rows, blocks, pad } = grid;
  const terms = spread(0, TERMS - 1, TERMS), { re: ar, im: ai } = pulses(beam, () => 1);
  const gram = terms.map((j) => terms.map((k) => {
    let p = 0, q = 0;
    for (let d = 0; d < ar.length; d += TERMS) {
      p += ar[d + j] * ar[d + k] + ai[d + j] * ai[d + k];
      q += ai[d + j] * ar[d + k] - ar[d + j] * ai[d + k];
    }
    return [p, q];
  }));
  const gain = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    const r = grid.r0 + (row + pad) * grid.dr;
    for (let block = 0; block < blocks; block++) {
      if (row % 4 || block % 2) { // smooth enough
        gain[row * blocks + block] = gain[(row - (row % 4)) * blocks + block - (block % 2)];
        continue;
      }
      const first = (row + pad) * size + block * TERMS * TAPS;
      let power = 0;
      for (let j = 0; j < TERMS; j++) {
        for (let k = 0; k <= j; k++) {
          let p = 0, q = 0;
          for (let a = first + j * TAPS, b = first + k * TAPS, end = a + TAPS; a < end; a++, b++) {
            p += re[a] * re[b] + im[a] * im[b];
            q += im[a] * re[b] - re[a] * im[b];
          }
          power += (k < j ? 2 : 1) * (gram[j][k][0] * p - gram[j][k][1] * q);
        }
      }
      const s = grid.s0 + (HALO + block * BLOCK + (BLOCK - 1) / 2) * grid.ds;
      const area = (r * grid.dr * grid.ds) / Math.sqrt(1 - s * s);
      gain[row * blocks + block] = 1 / Math.sqrt(power * area * slice.thickness(r));
    }
  }
  return gain;
}

// I/Q at any place x, z [m], by the window above; 0 outside the picture.
function sampleIQ({ grid, facts }, { re, im }, x, z) {
  const r = Math.hypot(x, z);
  const row = (r - facts.rMin) / grid.dr, line = (x / r + facts.sMax) / grid.ds;
  const i = Math.floor(row), j = Math.floor(line), width = 2 * REACH;
  const a = Math.round((row - i) * FINE) * width, b = Math.round((line - j) * FINE) * width;
  let p = 0, q = 0;
  if (row < 0 || line < 0 || row > grid.rows - 1 || line > grid.lines - 1) return [0, 0];
  for (let k = 0; k < width; k++) {
    const y = i - REACH + 1 + k;
    if (y < 0 || y >= grid.rows) continue;
    for (let l = 0; l < width; l++) {
      const n = j - REACH + 1 + l;
      if (n < 0 || n >= grid.lines) continue;
      const w = WINDOW[a + k] * WINDOW[b + l];
      p += w * re[y * grid.lines + n];
      q += w * im[y * grid.lines + n];
    }
  }
  return [p, q];
}
