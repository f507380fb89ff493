// Speckle on pictures: scan conversion, normalised correlation, block matching, statistics.

const PIXELS = 320; // of the picture, each way

// For every pixel of a square picture, the sample of the polar grid up left of it and its shares.
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
  return { index, down, right, pitch, quarter: pitch / 4 / grid.dr, lines: grid.lines };
}

// The envelope on the pixels, 0 outside the sector: the mean of bilinear samples at a quarter of a
// pixel above and below, so that speckle finer than pixels is averaged rather than missed.
function picture({ index, down, right, quarter, lines }, { re, im }) {
  const last = re.length - lines - 2;
  const envelope = new Float32Array(re.length), out = new Float32Array(index.length);
  for (let i = 0; i < re.length; i++) envelope[i] = Math.sqrt(re[i] * re[i] + im[i] * im[i]);
  for (let i = 0; i < index.length; i++) {
    if (index[i] < 0) continue;
    for (let part = -1; part <= 1; part += 2) {
      const v = down[i] + part * quarter, whole = v < 0 ? -1 : v < 1 ? 0 : 1;
      const n = Math.max(0, Math.min(last, index[i] + whole * lines));
      const a = envelope[n] + (envelope[n + 1] - envelope[n]) * right[i];
      const b = envelope[n + lines] + (envelope[n + lines + 1] - envelope[n + lines]) * right[i];
      out[i] += 0.5 * (a + (b - a) * (v - whole));
    }
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

// Best match within +-search pixels: {value, x, z} of its shift, between pixels by parabolas.
function match(a, b, ax, az, bx, bz, half, search) {
  const width = 2 * search + 1;
  const values = new Float64Array(width * width).fill(-1);
  let best = 0;
  for (let i = 0; i < values.length; i++) {
    const x = bx + (i % width) - search, z = bz + Math.floor(i / width) - search;
    if (fits(x, z, half)) values[i] = correlate(a, b, ax, az, x, z, half);
    if (values[i] > values[best]) best = i;
  }
  const peak = (step, at) => {
    if (at === 0 || at === width - 1) return 0;
    const [p, q, r] = [values[best - step], values[best], values[best + step]];
    const bend = p + r - 2 * q;
    return bend < 0 ? Math.max(-0.5, Math.min(0.5, (p - r) / (2 * bend))) : 0;
  };
  const column = best % width, row = Math.floor(best / width);
  return { value: values[best], x: column - search + peak(1, column), z: row - search + peak(width, row) };
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
  const mean = (list) => list.reduce((p, q) => p + q, 0) / list.length;
  const [ma, mb] = [mean(a), mean(b)];
  let aa = 0, bb = 0, ab = 0;
  a.forEach((p, i) => { aa += (p - ma) ** 2; bb += (b[i] - mb) ** 2; ab += (p - ma) * (b[i] - mb); });
  return aa * bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

// Shares of envelopes, beyond `least` [m] of range, in bins of RMS units up to 3; mean over SD.
function histogram({ grid, facts }, { re, im }, bins, least) {
  const counts = new Float64Array(bins);
  const first = Math.round((least - facts.rMin) / grid.dr) * grid.lines;
  let n = 0, sum = 0, square = 0;
  for (let i = first; i < re.length; i++, n++) { const e = re[i] ** 2 + im[i] ** 2; sum += Math.sqrt(e); square += e; }
  const rms = Math.sqrt(square / n);
  for (let i = first; i < re.length; i++) {
    const bin = Math.floor((Math.hypot(re[i], im[i]) / rms / 3) * bins);
    if (bin < bins) counts[bin] += bins / 3 / n;
  }
  return { counts, snr: sum / n / Math.sqrt(square / n - (sum / n) ** 2) };
}
