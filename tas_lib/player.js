// Shows films in step on canvases: frames cut from sprites, mesh and colours drawn on top.
function filmPlayer(root) {
  const find = (selector) => root.querySelector(selector);
  const { times, period, marks, columns, rows, palette, meshes, films } = JSON.parse(
    find("script[type='application/json']").textContent
  );
  const [button, slider, status, meshBox, colour, scale] = [
    "[data-play]", "[type=range]", "[data-status]", "[type=checkbox]", "select", "[data-scale]",
  ].map(find);
  const sharp = Math.ceil(window.devicePixelRatio || 1);
  let frame = 0;
  let playing = false;
  let origin = 0; // the moment [ms] at which the running beat began

  const load = (src) => {
    const image = new Image();
    image.onload = draw;
    image.src = src;
    return image;
  };
  const views = films.map((film, i) => {
    const canvas = root.querySelectorAll("canvas")[i];
    const { width, height } = canvas;
    canvas.width *= sharp;
    canvas.height *= sharp;
    const context = canvas.getContext("2d");
    context.scale(sharp, sharp);
    const maps = {};
    for (const name in film.maps) maps[name] = load(film.maps[name]);
    return { ...film, context, width, height, maps, image: load(film.sprite) };
  });

  function stamp({ context, width, height }, sprite) {
    if (!sprite.naturalWidth) return; // still loading
    const w = sprite.naturalWidth / columns;
    const h = sprite.naturalHeight / rows;
    const left = (frame % columns) * w;
    const top = Math.floor(frame / columns) * h;
    context.drawImage(sprite, left, top, w, h, 0, 0, width, height);
  }

  function line(context, nodes, style, width) {
    context.beginPath();
    nodes.forEach(([x, y]) => context.lineTo(x, y));
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke();
  }

  function drawMesh(context, { walls }, node, along, across) {
    for (let l = 0; l < along; l += 5) {
      line(context, Array.from({ length: across }, (_, r) => node(l, r)), "#fff9", 0.8);
    }
    walls.forEach(([r, style]) => {
      line(context, Array.from({ length: along }, (_, l) => node(l, r)), style, 1.4);
    });
  }

  function drawPoints(context, levels, node, along, across) {
    const first = frame * along * across;
    context.strokeStyle = "#000";
    context.lineWidth = 0.6;
    for (let i = 0; i < along * across; i++) {
      context.beginPath();
      context.arc(...node(Math.floor(i / across), i % across), 2.4, 0, 7);
      context.fillStyle = palette[parseInt(levels[first + i], 32)];
      context.fill();
      context.stroke();
    }
  }

  function draw() {
    const name = colour ? colour.value : "";
    views.forEach((view) => {
      const { context } = view;
      context.clearRect(0, 0, view.width, view.height);
      stamp(view, view.image);
      if (view.maps[name]) stamp(view, view.maps[name]);
      if (view.mesh === null) return;
      const mesh = meshes[view.mesh];
      const [along, across] = mesh.shape;
      const tenths = mesh.points[frame];
      const at = (l, r, axis) => tenths[2 * (l * across + r) + axis] / 10;
      const node = (l, r) =>
        [0, 1].map((axis) => (at(l, Math.floor(r), axis) + at(l, Math.ceil(r), axis)) / 2);
      if (meshBox.checked) drawMesh(context, mesh, node, along, across);
      if (view.points[name]) drawPoints(context, view.points[name], node, along, across);
    });
  }

  function show(k) {
    frame = k;
    const phase = Object.keys(marks).filter((mark) => marks[mark] === k);
    const parts = [`${times[k]} ms`, `frame ${k} of 0–${times.length - 1}`, ...phase];
    status.textContent = parts.join(" · ");
    slider.value = k;
    slider.setAttribute("aria-valuetext", parts.join(", "));
    draw();
  }

  function play(on) {
    playing = on;
    button.textContent = on ? "Pause" : "Play";
    origin = performance.now() - times[frame];
    if (on) requestAnimationFrame(advance);
  }

  function advance(now) {
    if (!playing || !root.isConnected) return;
    const elapsed = Math.max(0, now - origin) % period;
    const k = times.filter((time) => time <= elapsed).length - 1;
    if (k !== frame) show(k);
    requestAnimationFrame(advance);
  }

  button.onclick = () => play(!playing);
  slider.oninput = () => {
    play(false);
    show(Number(slider.value));
  };
  root.querySelectorAll("[data-frame]").forEach((mark) => {
    mark.onclick = () => {
      play(false);
      show(Number(mark.dataset.frame));
    };
  });
  if (meshBox) meshBox.onchange = draw;
  if (colour) {
    colour.onchange = () => {
      scale.hidden = !colour.value;
      draw();
    };
  }
  show(0);
}
