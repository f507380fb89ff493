// Scatterers, and how they move: a wall that rides on the motion and a background that stays.

const FRAMES = 16;
const PIVOT = 84e-3; // depth of the point about which tissue is strained and turned [m]

// Uniform numbers in (0, 1) from a seed (mulberry32).
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
}

const normal = (draw) => Math.sqrt(-2 * Math.log(draw())) * Math.cos(2 * Math.PI * draw());

// Half the thickness of the tissue [m]: that of the slice, which the lens narrows, and more.
const slabAt = ({ elevationFocus }, z) => 3e-3 + 5e-3 * Math.abs(z / elevationFocus - 1);

// Scatterers all over the picture and beside it, `density` per square metre of picture, in order of
// depth for the cache. Few of them shall decorrelate as many do in theory: so they are equally strong,
// of either sign, and most lie evenly, by the R2 sequence. (With random strengths at random places
// correlation stays too high, with even places alone it falls too low.) Their strength grows with the
// slab's thickness, so that power per volume is 1 / (2 mm) everywhere.
const EVEN = 0.8; // share of the coordinates

function makeTissue(facts, density, seed) {
  const draw = uniform(seed);
  const half = facts.rMax * facts.sMax + 12e-3, depth = facts.rMax + 16e-3;
  const n = Math.round(density * 2 * half * depth);
  const of = (value) => Float32Array.from({ length: n }, (_, i) => value(i));
  const side = (step) => { const first = draw(); return of((i) => 2 * (draw() < EVEN ? (first + step * i) % 1 : draw()) - 1); };
  const x = side(0.7548776662466927).map((at) => half * at), z = of((i) => (depth * (i + draw())) / n);
  const slab = z.map((at) => slabAt(facts, at));
  const y = side(0.5698402909980532).map((at, i) => slab[i] * at);
  const rc = slab.map((at) => Math.sqrt(at / 1e-3) * (draw() < 0.5 ? 1 : -1));
  return { x, z, y, rc, slab, lot: of(draw) };
}

// Where tissue at x, z [m] is in frame t: x' = a x + b (z - PIVOT) + ..., and y' = y + out.
function motionAt({ lateral, axial, elevation, strain, rotation }, t) {
  const along = 1 + (strain * t) / (FRAMES - 1), cos = Math.cos(rotation * t), sin = Math.sin(rotation * t);
  return { a: cos, b: -sin * along, c: sin, d: cos * along, x: lateral * t, z: axial * t, y: elevation * t };
}

const STILL = { a: 1, b: 0, c: 0, d: 1, x: 0, z: 0, y: 0 };

const move = (m, x, z) => [m.a * x + m.b * (z - PIVOT) + m.x, m.c * x + m.d * (z - PIVOT) + PIVOT + m.z];

const ASIDE = 5e-3; // farther than windows are searched for [m]

// The tissue in its new place; what leaves the slab on one side comes in on the other, and aside.
function moveTissue(tissue, m) {
  const n = tissue.x.length;
  const [x, z, y] = [0, 1, 2].map(() => new Float32Array(n));
  for (let i = 0; i < n; i++) {
    const w = tissue.y[i] + m.y, slab = tissue.slab[i], turns = Math.floor((w + slab) / (2 * slab));
    const u = tissue.x[i] + ASIDE * turns, v = tissue.z[i] - PIVOT;
    x[i] = m.a * u + m.b * v + m.x;
    z[i] = m.c * u + m.d * v + PIVOT + m.z;
    y[i] = w - 2 * slab * turns;
  }
  return { ...tissue, x, z, y };
}

const NOISE = (() => { const draw = uniform(1); return Float32Array.from({ length: 1 << 16 }, () => normal(draw)); })();

// I/Q of RMS 1: an image of tissue of that density, gain over depth undone, with noise from a seed.
function finish({ grid, gain }, { re, im }, density, snr, seed) {
  const scale = Math.sqrt(2e-3 / density);
  const noise = 10 ** (-snr / 20) / Math.SQRT2;
  let k = Math.imul(seed + 1, 0x9e3779b1) >>> 16;
  for (let row = 0, i = 0; row < grid.rows; row++) {
    for (let n = 0; n < grid.lines; n++, i++) {
      const g = scale * gain[row * grid.blocks + Math.floor(n / BLOCK)];
      re[i] = re[i] * g + noise * NOISE[k++ & 0xffff];
      im[i] = im[i] * g + noise * NOISE[k++ & 0xffff];
    }
  }
  return { re, im };
}
