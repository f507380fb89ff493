// Speckle on pictures: scan conversion, normalised correlation, block matching, statistics.

const PIXELS = 320; // of the picture, each way

// For every pixel of a square picture, the sample of the polar grid up left of it and its shares; and
// the shares of the speckle filter, one side of a Gaussian along the range.
function converter({ grid, facts }) {
  const pitch = (facts.rMax - facts.rMin) / PIXELS;
  const index = new Int32Array(PIXELS * PIXELS).fill(-1);
  const down = new Float32Array(index.length), right = new Float32Array(index.length);
  for (let i = 0; i < index.length; i++) {
    const x = ((i % PIXELS) + 0.5 - PIXELS / 2) * pitch, z = facts.rMin + (Math.floor(i / PIXELS) + 0.5) * pitch;
    const r = Math.hypot(x, z);
    const row = (r - facts.rMin) / grid.dr, line = (x / r + facts.sMax) / grid.ds;
    if (row < 0 || line < 0 || row >= grid.rows - 1 || line >= grid.lines - 1) continue;
    index[i] = Math.floor(row) * grid.lines + Math.floor(line);
    down[i] = row % 1;
    right[i] = line % 1;
  }
  const half = spread(0, 4, 5).map((i) => Math.exp(-(((i * grid.dr) / facts.smoothing) ** 2) / 2));
  const all = 2 * half.reduce((sum, w) => sum + w) - 1;
  return { index, down, right, pitch, filter: half.map((w) => w / all), rows: grid.rows, lines: grid.lines };
}

// The envelope, smoothed, on the pixels; 0 outside the sector.
function picture({ index, down, right, filter, rows, lines }, { re, im }) {
  const envelope = new Float32Array(re.length), smooth = new Float32Array(re.length), out = new Float32Array(index.length);
  for (let i = 0; i < re.length; i++) envelope[i] = Math.sqrt(re[i] * re[i] + im[i] * im[i]);
  filter.forEach((w, k) => {
    for (let i = 0, last = (rows - 1) * lines, step = k * lines; i < re.length; i++) {
      const column = i % lines;
      smooth[i] += k ? w * (envelope[Math.max(column, i - step)] + envelope[Math.min(last + column, i + step)]) : w * envelope[i];
    }
  });
  for (let i = 0; i < index.length; i++) {
    const n = index[i];
    if (n < 0) continue;
    const a = smooth[n] + (smooth[n + 1] - smooth[n]) * right[i];
    const b = smooth[n + lines] + (smooth[n + lines + 1] - smooth[n + lines]) * right[i];
    out[i] = a + (b - a) * down[i];
  }
  return out;
}

// Normalised correlation of squares of 2 half + 1 pixels about (ax, az) in a and (bx, bz) in b.
function correlate(a, b, ax, az, bx, bz, half) {
  let sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
  for (let v = -half; v <= half; v++) {
    for (let i = (az + v) * PIXELS + ax - half, j = (bz + v) * PIXELS + bx - half, end = i + 2 * half; i <= end; i++, j++) {
      const p = a[i], q = b[j];
      sa += p; sb += q; aa += p * p; bb += q * q; ab += p * q;
    }
  }
  const n = (2 * half + 1) ** 2;
  const energy = (aa - (sa * sa) / n) * (bb - (sb * sb) / n);
  return energy > 1e-9 ? (ab - (sa * sb) / n) / Math.sqrt(energy) : 0;
}

const fits = (x, z, margin) => Math.min(x, z) >= margin && Math.max(x, z) < PIXELS - margin;

// Best match within +-search pixels: {value, x, z} of its shift, between pixels by a paraboloid with
// a cross term, as speckle beside the axis lies aslant.
function match(a, b, ax, az, bx, bz, half, search) {
  const width = 2 * search + 1;
  const values = new Float64Array(width * width).fill(-1);
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    const x = bx + (i % width) - search, z = bz + Math.floor(i / width) - search;
    if (fits(x, z, half)) values[i] = correlate(a, b, ax, az, x, z, half);
    if (values[i] > values[best]) best = i;
  }
  const column = best % width, row = Math.floor(best / width);
  const found = { value: values[best], x: column - search, z: row - search };
  if (Math.min(column, row) === 0 || Math.max(column, row) === width - 1) return found;
  const at = (x, z) => values[best + x + z * width];
  const gx = (at(1, 0) - at(-1, 0)) / 2, gz = (at(0, 1) - at(0, -1)) / 2;
  const xx = at(1, 0) + at(-1, 0) - 2 * at(0, 0), zz = at(0, 1) + at(0, -1) - 2 * at(0, 0);
  const xz = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4, bend = xx * zz - xz * xz;
  if (bend <= 0) return found;
  const between = (v) => Math.max(-1, Math.min(1, v / bend));
  return { ...found, x: found.x + between(xz * gz - zz * gx), z: found.z + between(xz * gx - xx * gz) };
}

// Correlation of the intensities of I/Q a about (x, z) and b about (x', z'), window in metres.
function intensityCorrelation(beam, a, b, [x, z], [u, v], window) {
  const steps = spread(-window / 2, window / 2, 21);
  const lists = [[], []];
  for (const dz of steps) {
    for (const dx of steps) {
      [sampleIQ(beam, a, x + dx, z + dz), sampleIQ(beam, b, u + dx, v + dz)].forEach(([p, q], i) => lists[i].push(p * p + q * q));
    }
  }
  return pearson(...lists);
}

function pearson(a, b) {
  const covariance = (p, q) => average(p.map((v, i) => v * q[i])) - average(p) * average(q);
  return covariance(a, b) / Math.sqrt(covariance(a, a) * covariance(b, b)) || 0;
}

// Shares of envelopes, beyond `least` [m] of range, in bins of RMS units up to 3; mean over SD.
function histogram({ grid, facts }, { re, im }, bins, least) {
  const first = Math.round((least - facts.rMin) / grid.dr) * grid.lines;
  const power = re.slice(first).map((a, i) => a * a + im[first + i] ** 2);
  const mean = average(power.map(Math.sqrt)), square = average(power);
  const counts = new Float64Array(bins);
  for (const p of power) {
    const bin = Math.floor((Math.sqrt(p / square) / 3) * bins);
    if (bin < bins) counts[bin] += bins / 3 / power.length;
  }
  return { counts, snr: mean / Math.sqrt(square - mean * mean) };
}
