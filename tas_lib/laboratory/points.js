// Points of the wall: the one chosen, its windows in every film, and their correlation over time.
function points(root) {
  const facts = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const { times, es, columns, size: [width, height], window: side, films, defaults } = facts;
  const find = (name) => root.querySelector(`[data-${name}]`);
  const all = (name) => [...root.querySelectorAll(`[data-${name}]`)];
  const [slider, pointer, film, picture, curve, status] = ["frame", "point", "film", "picture", "curve", "status"].map(find);
  const count = facts.points[0].length;
  const state = { ...defaults };
  const address = addressOf("points", defaults, {
    point: [1, count, 1], frame: [0, times.length - 1, 1], film: { ...films },
  });
  const least = Math.min(0, ...films.flatMap(({ curves }) => curves.flat()));
  let hovered = null;

  const place = (frame, point) => facts.points[frame][point].map((tenth) => tenth / 10);
  const images = films.map(({ image }) => Object.assign(new Image(), { onload: draw, src: image }));

  // A square or a frame of a film, from the image that holds all frames.
  function copy(g, image, frame, [left, top, wide, high], [x, y, w, h]) {
    const [u, v] = [(frame % columns) * width, Math.floor(frame / columns) * height];
    if (image.naturalWidth) g.drawImage(image, u + left, v + top, wide, high, x, y, w, h);
  }

  function drawPicture(point) {
    const scale = 2, g = sharpContext(picture, width * scale, height * scale);
    copy(g, images[state.film], state.frame, [0, 0, width, height], [0, 0, width * scale, height * scale]);
    for (let i = 0; i < count; i++) {
      const at = place(state.frame, i).map((v) => v * scale);
      ring(g, at, 2.5, "#000", 3);
      ring(g, at, 2.5, "#56b4e9", 1.5);
    }
    const [x, y] = place(state.frame, point).map((v) => v * scale), w = side * scale;
    g.strokeStyle = "#f0e442";
    g.lineWidth = 2;
    g.strokeRect(x - w / 2, y - w / 2, w, w);
  }

  function drawPatches(point) {
    all("patch").forEach((canvas, i) => {
      const shown = films[i % films.length], row = Number(canvas.dataset.patch), frame = row ? state.frame : es;
      const [x, y] = place(frame, point).map((v, axis) => Math.floor(v) + (row === 2 ? shown.matches[frame][point][axis] : 0));
      const g = canvas.getContext("2d");
      g.imageSmoothingEnabled = false;
      g.clearRect(0, 0, 96, 96);
      copy(g, images[i % films.length], frame, [x - (side - 1) / 2, y - (side - 1) / 2, side, side], [0, 0, 96, 96]);
    });
  }

  function draw() {
    const point = (hovered ?? state.point) - 1, { frame } = state;
    slider.value = frame;
    slider.setAttribute("aria-valuetext", `${times[frame]} ms`);
    pointer.value = point + 1;
    pointer.previousElementSibling.textContent = `${point + 1} of ${count}`;
    film.value = state.film;
    drawPicture(point);
    drawPatches(point);
    const kinds = ["line", "dashed", "rings", "dots"];
    chart(curve, themeOf(root), {
      xLabel: "time after ED (ms)", yLabel: "correlation", x: [0, times.at(-1)], y: [least, 1.02], cursor: times[frame],
      series: films.map(({ title, curves }, i) => ({
        label: title, kind: kinds[i], colour: i, points: curves[point].map((c, t) => [times[t], c]),
      })),
    });
    all("now").forEach((cell, i) => { cell.textContent = films[i].curves[point][frame].toFixed(2); });
    all("error").forEach((cell, i) => { cell.textContent = i ? films[i].errors[point].toFixed(3) : "–"; });
    const told = films.map(({ title, curves }) => `${title} ${curves[point][frame].toFixed(2)}`).join(", ");
    status.textContent = `point ${point + 1} of ${count} · ${times[frame]} ms${frame === es ? ", end-systole" : ""} · correlation: ${told}`;
    picture.setAttribute("aria-label", status.textContent);
    curve.setAttribute("aria-label", `Curves; ${status.textContent}`);
  }

  // The point of the wall nearest to the pointer, if it is near at all.
  function nearest(event) {
    const box = picture.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    const far = facts.points[state.frame].map((_, i) => {
      const [u, v] = place(state.frame, i);
      return Math.hypot(u - x, v - y);
    });
    const best = far.indexOf(Math.min(...far));
    return far[best] < 2 * side ? best + 1 : null;
  }

  const change = (part) => { Object.assign(state, part); draw(); address.write(state); };
  const choose = (point) => { hovered = null; change({ point }); };
  const later = (by) => (state.frame + by + times.length) % times.length;
  const clock = clockOf(find("play"), () => { state.frame = later(1); draw(); }, 80);
  const halt = (then) => (event) => { clock.run(false); then(event); };
  find("play").addEventListener("click", () => address.write(state));
  find("back").onclick = halt(() => change({ frame: later(-1) }));
  find("next").onclick = halt(() => change({ frame: later(1) }));
  slider.oninput = halt(() => change({ frame: Number(slider.value) }));
  pointer.oninput = () => choose(Number(pointer.value));
  film.onchange = () => change({ film: film.value });
  picture.onpointermove = (event) => { hovered = event.pointerType === "mouse" ? nearest(event) : null; draw(); };
  picture.onpointerleave = () => { hovered = null; draw(); };
  picture.onclick = (event) => choose(nearest(event) ?? state.point);
  picture.onkeydown = (event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    choose(((state.point - 1 + by + count) % count) + 1);
  };
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const begin = (given) => { Object.assign(state, given); draw(); };
  addEventListener("hashchange", () => { if (address.read()) { clock.run(false); begin(address.read()); } });
  begin(address.read());
}
