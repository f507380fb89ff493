// Small charts on a canvas, in the colours of the page's theme.

function themeOf(root) {
  const style = getComputedStyle(root);
  const named = (name) => style.getPropertyValue(name).trim();
  return { ink: named("--ink"), grid: named("--grid"), cycle: [0, 1, 2, 3, 4].map((i) => named(`--c${i}`)) };
}

// A context in CSS pixels, sharp on any screen.
function sharpContext(canvas, width, height) {
  const ratio = Math.ceil(window.devicePixelRatio || 1);
  if (canvas.width !== width * ratio || canvas.height !== height * ratio) [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function ring(g, [x, y], radius, colour, width) {
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.beginPath();
  g.arc(x, y, radius, 0, 7);
  g.stroke();
}

// series: {points: [[x, y]], colour: number, label, kind: "line", "dashed", "dots", "rings" or "bars"}.
function chart(canvas, theme, { xLabel, yLabel, x: [x0, x1], y: [y0, y1], series, cursor }) {
  const [width, height, left, top, bottom] = [360, 230, 44, 12 + 16 * Math.ceil(series.length / 2), 36];
  const g = sharpContext(canvas, width, height);
  const right = width - 8, floor = height - bottom;
  const at = ([x, y]) => [left + ((x - x0) / (x1 - x0)) * (right - left), floor - ((y - y0) / (y1 - y0)) * (floor - top)];
  g.font = "12px sans-serif";
  const ticks = (a, b) => {
    const rough = (b - a) / 4, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((k) => k * power >= rough);
    const out = [];
    for (let v = Math.ceil(a / step - 1e-9) * step; v <= b + 1e-9 * step; v += step) out.push(+v.toFixed(6));
    return out;
  };
  const line = (points) => { g.beginPath(); points.forEach((point) => g.lineTo(...point)); g.stroke(); };
  g.lineWidth = 1;
  ticks(y0, y1).forEach((y) => {
    g.strokeStyle = theme.grid; line([at([x0, y]), at([x1, y])]);
    g.fillStyle = theme.ink; g.textAlign = "right"; g.fillText(y, left - 5, at([x0, y])[1] + 4);
  });
  g.textAlign = "center";
  ticks(x0, x1).forEach((x) => g.fillText(x, at([x, y0])[0], floor + 15));
  g.fillText(xLabel, (left + right) / 2, height - 5);
  g.save(); g.translate(11, (top + floor) / 2); g.rotate(-Math.PI / 2); g.fillText(yLabel, 0, 0); g.restore();
  g.strokeStyle = theme.ink; line([at([x0, y1]), at([x0, y0]), at([x1, y0])]);
  if (cursor !== undefined) { g.setLineDash([2, 3]); line([at([cursor, y0]), at([cursor, y1])]); g.setLineDash([]); }

  const bar = (...box) => { g.globalAlpha = 0.45; g.fillRect(...box); g.globalAlpha = 1; };
  const mark = (kind, points, colour) => {
    g.strokeStyle = g.fillStyle = theme.cycle[colour];
    g.lineWidth = 2;
    g.setLineDash(kind === "dashed" ? [6, 4] : []);
    if (kind === "line" || kind === "dashed") line(points);
    else points.forEach(([x, y]) => {
      if (kind === "bars") return bar(x, y, (right - left) / points.length - 0.5, floor - y);
      g.beginPath(); g.arc(x, y, 3.2, 0, 7); kind === "dots" ? g.fill() : g.stroke();
    });
    g.setLineDash([]);
  };
  series.forEach(({ points, colour, label, kind }, i) => {
    g.save(); g.beginPath(); g.rect(left - 4, top - 4, right - left + 8, floor - top + 8); g.clip();
    mark(kind, points.map(at), colour);
    g.restore();
    const [x, y] = [left + ((i % 2) * (right - left)) / 2, 12 + 16 * Math.floor(i / 2)];
    g.fillStyle = theme.cycle[colour];
    if (kind === "bars") bar(x, y - 8, 18, 8); else mark(kind, kind === "line" || kind === "dashed" ? [[x, y - 4], [x + 18, y - 4]] : [[x + 9, y - 4]], colour);
    g.fillStyle = theme.ink; g.textAlign = "left"; g.fillText(label, x + 24, y);
  });
}
