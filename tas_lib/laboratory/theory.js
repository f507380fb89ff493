// How much speckle is left after a motion, without drawing a scatterer: the formulas of
// tas_lib.simulator.statistics, `rigid_theory` and `strain_theory` in one. Tissue about the pixel p
// moves, and is heard in the pixel q:
//     rho = sum_f W(f) W((1 + e) f) int B_f(u) conj B_f(u') exp(2 i k (r' - q)) du / norm
// over sources u beside p at its range, which come to lie at the range r' and u' beside q; e is the
// strain along the beam. The factor for elevation is `sliceCorrelation`.

const TONES = 40; // frequencies summed

// Beams B_j heard in a pixel at (x, z) of sources `offsets` lines beside it: [term][offset].
function beamsAt({ grid, facts, re, im, size }, [x, z], offsets) {
  const r = Math.hypot(x, z);
  const row = Math.max(0, Math.min(grid.sourceRows - 1, Math.round((r - grid.r0) / grid.dr)));
  const line = Math.round((x / r + facts.sMax) / grid.ds);
  const block = Math.max(0, Math.min(grid.blocks - 1, Math.floor(line / BLOCK)));
  const width = 2 * REACH;
  return Array.from({ length: TERMS }, (_, j) => {
    const first = row * size + (block * TERMS + j) * TAPS;
    return offsets.map((offset) => {
      const at = offset + HALO, i = Math.floor(at), w = Math.round((at - i) * FINE) * width;
      let p = 0, q = 0;
      for (let k = 0; k < width; k++) {
        const tap = i - REACH + 1 + k;
        if (tap < 0 || tap >= TAPS) continue;
        p += WINDOW[w + k] * re[first + tap];
        q += WINDOW[w + k] * im[first + tap];
      }
      return [p, q];
    });
  });
}

// rho [re, im] of I/Q at p [x, z] before and at q after tissue has moved by m, in the plane.
function planeCorrelation(beam, p, q, m) {
  const { settings, facts, grid, band } = beam;
  const r = Math.hypot(...p), s = p[0] / r, range = Math.hypot(...q);
  const place = (at, u) => move(m, at * u, at * Math.sqrt(1 - u * u));
  const before = spread(-HALO, HALO, TAPS);
  const after = before.map((line) => {
    const [x, z] = place(r, s + line * grid.ds);
    const far = Math.hypot(x, z);
    return { late: far - range, line: (x / far - q[0] / range) / grid.ds };
  });
  const strain = (Math.hypot(...place(r + 5e-4, s)) - Math.hypot(...place(r - 5e-4, s))) / 1e-3 - 1;
  const one = beamsAt(beam, p, before), two = beamsAt(beam, q, after.map((a) => a.line));
  const at = nodes(band);
  let re = 0, im = 0, own = 0, other = 0;
  for (const f of spread(0.9 * band[0], 1.1 * band[1], TONES)) {
    const w = pulseEcho(settings.frequency, settings.bandwidth, f);
    const v = pulseEcho(settings.frequency, settings.bandwidth, (1 + strain) * f);
    const [now, then] = [f, Math.max(band[0], Math.min(band[1], (1 + strain) * f))].map((g) => lagrange(at, g));
    const mix = (beams, shares, n) => {
      let a = 0, b = 0;
      for (let j = 0; j < TERMS; j++) { a += shares[j] * beams[j][n][0]; b += shares[j] * beams[j][n][1]; }
      return [a, b];
    };
    for (let n = 0; n < TAPS; n++) {
      const [a, b] = mix(one, now, n), [c, d] = mix(two, then, n);
      const turn = (4 * Math.PI * f * after[n].late) / facts.c, cos = Math.cos(turn), sin = Math.sin(turn);
      const x = a * c + b * d, y = b * c - a * d;
      re += w * v * (x * cos - y * sin);
      im += w * v * (x * sin + y * cos);
      own += w * w * (a * a + b * b);
      other += v * v * (c * c + d * d);
    }
  }
  const norm = Math.sqrt(own * other);
  return [re / norm, im / norm];
}

// Expected correlation of intensities in a window [m] about p, which follows the tissue at p, when
// wall and background share the power [wall, background], and noise takes its part.
function expectedCorrelation(beam, p, m, window, [wall, background], snr) {
  const centre = move(m, ...p);
  const slice = sliceCorrelation(beam, Math.hypot(...p), m.y);
  const heard = 1 / (1 + 10 ** (-snr / 10));
  const offsets = spread(-0.4, 0.4, 5).map((t) => t * window);
  return offsets.reduce((sum, dz) => {
    const from = [p[0], p[1] + dz], to = [centre[0], centre[1] + dz];
    const [a, b] = planeCorrelation(beam, from, to, m);
    const [c, d] = background ? planeCorrelation(beam, from, to, STILL) : [0, 0];
    const re = wall * (a * slice[0] - b * slice[1]) + background * c, im = wall * (a * slice[1] + b * slice[0]) + background * d;
    return sum + (heard * heard * (re * re + im * im)) / offsets.length;
  }, 0);
}
