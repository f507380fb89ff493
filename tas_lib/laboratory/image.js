// From scatterers to I/Q: each is spread over a few samples of the polar grid, then beams run along
// its rows (which change with range and angle) and pulses along its columns.

const REACH = 4; // samples to each side over which a scatterer is spread
const FINE = 256; // steps of the table of that window a sample

// A sinc under Kaiser's window, [step][sample], for positions between two samples.
const WINDOW = (() => {
  const bessel = (x) => { let sum = 1, term = 1; for (let n = 1; n < 25; n++) sum += term *= (x / 2 / n) ** 2; return sum; };
  const table = new Float32Array((FINE + 1) * 2 * REACH);
  for (let step = 0; step <= FINE; step++) {
    for (let i = 0; i < 2 * REACH; i++) {
      const t = step / FINE - (i - REACH + 1);
      const inside = 1 - (t / REACH) ** 2;
      table[step * 2 * REACH + i] = inside < 0 ? 0 : (sinc(t) * bessel(3.5 * Math.sqrt(inside))) / bessel(3.5);
    }
  }
  return table;
})();

const emptySources = ({ grid }) => ({
  re: new Float32Array(grid.sourceRows * grid.columns),
  im: new Float32Array(grid.sourceRows * grid.columns),
});

// Adds scatterers to the sources: x, z, y [m] and strength, from `count` of them those with keep(i).
function addScatterers(beam, sources, { x, z, y, rc }, keep) {
  const { grid, slice, wavenumber } = beam;
  const { re, im } = sources;
  const { columns, sourceRows } = grid;
  const width = 2 * REACH;
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
    if (!(row >= REACH && row < sourceRows - REACH)) continue;
    const column = (x[i] / r - grid.s0) / grid.ds, unseen = Math.max(REACH, HALO - beam.reach[r0] - REACH);
    if (column < unseen || column > columns - 1 - unseen) continue;
    const u = sliceRow - si, v = high - sj, n = si * HEIGHTS + sj, m = Math.min(si + 1, SLICES - 1) * HEIGHTS + sj;
    const wr = (1 - u) * ((1 - v) * slice.re[n] + v * slice.re[n + 1]) + u * ((1 - v) * slice.re[m] + v * slice.re[m + 1]);
    const wi = (1 - u) * ((1 - v) * slice.im[n] + v * slice.im[n + 1]) + u * ((1 - v) * slice.im[m] + v * slice.im[m + 1]);
    const turn = -2 * wavenumber * (r + late);
    const cos = Math.cos(turn) * rc[i], sin = Math.sin(turn) * rc[i];
    const pr = wr * cos - wi * sin, pi = wr * sin + wi * cos;
    const c0 = Math.floor(column);
    const a = Math.round((row - r0) * FINE) * width, b = Math.round((column - c0) * FINE) * width;
    let at = (r0 - REACH + 1) * columns + c0 - REACH + 1;
    for (let k = 0; k < width; k++, at += columns) {
      const qr = pr * WINDOW[a + k], qi = pi * WINDOW[a + k];
      for (let l = 0; l < width; l++) {
        const w = WINDOW[b + l];
        re[at + l] += qr * w;
        im[at + l] += qi * w;
      }
    }
  }
  return sources;
}

// I/Q {re, im} [row][line] of sources.
function imageOf(beam, sources) {
  const { grid, pulses, re: kr, im: ki, reach, size } = beam;
  const { rows, lines, blocks, columns, pad, sourceRows } = grid;
  const lr = new Float32Array(sourceRows * lines * TERMS), li = new Float32Array(lr.length);
  const { re: sr, im: si } = sources;
  for (let row = 0; row < sourceRows; row++) {
    const from = HALO - reach[row], to = HALO + reach[row];
    for (let b = 0; b < blocks; b++) {
      for (let j = 0; j < TERMS; j++) {
        const kernel = row * size + (b * TERMS + j) * TAPS;
        for (let n = b * BLOCK; n < (b + 1) * BLOCK; n++) {
          const source = row * columns + n;
          let re = 0, im = 0;
          for (let tap = from; tap <= to; tap++) {
            const a = sr[source + tap], c = si[source + tap], p = kr[kernel + tap], q = ki[kernel + tap];
            re += a * p - c * q;
            im += a * q + c * p;
          }
          lr[(row * lines + n) * TERMS + j] = re;
          li[(row * lines + n) * TERMS + j] = im;
        }
      }
    }
  }
  const out = { re: new Float32Array(rows * lines), im: new Float32Array(rows * lines) };
  const { re: ar, im: ai } = pulses;
  for (let i = 0; i < out.re.length; i++) {
    let re = 0, im = 0;
    for (let d = 0, k = 0; d <= 2 * pad; d++) {
      for (let from = (i + (2 * pad - d) * lines) * TERMS, end = from + TERMS; from < end; from++, k++) {
        const a = lr[from], c = li[from], p = ar[k], q = ai[k];
        re += a * p - c * q;
        im += a * q + c * p;
      }
    }
    out.re[i] = re;
    out.im[i] = im;
  }
  return out;
}

// [row][block]: 1 over the RMS of |I/Q| for one scatterer of unit variance per cubic metre.
function sensitivity({ grid, pulses, re, im, size, slice }) {
  const { rows, blocks, pad } = grid;
  const terms = spread(0, TERMS - 1, TERMS), { re: ar, im: ai } = pulses;
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
