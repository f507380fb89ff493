// Sets points on the frames of a clip and saves them as a drawing. Lengths on the stage are in mm.
function contourEditor(page) {
  const find = (id) => page.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const { frames, pixel_mm: pixel, corner, size, tracks } = data;
  const svg = page.querySelector("svg");
  const extent = size.map((count, k) => count * pixel[k]);
  const NAMES = ["left end of the annulus", "apex", "right end of the annulus"];
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const CORRECTED = "#ff9d5c";

  let mode = tracks ? "corrections" : "points";
  let now = 0; // which of the clip's frames is shown
  let points = []; // three of the file, [column, row]
  let pointsFrame = null; // of the file
  let walls = {}; // frame of the file -> { endo, epi }
  let corrected = {}; // frame of the file -> { handle: [column, row] }
  let opened = {}; // what a saved file said
  let centre = extent.map((side) => side / 2); // of what the zoom shows

  const toStage = (point) => point.map((p, k) => (p - corner[k] + 0.5) * pixel[k]);
  const toFile = (place) =>
    place.map((p, k) => {
      const [low, high] = [corner[k], corner[k] + size[k] - 1];
      return Math.round(100 * Math.min(high, Math.max(low, p / pixel[k] - 0.5 + corner[k]))) / 100;
    });

  function element(name, attributes, ...children) {
    const made = page.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    made.append(...children);
    return made;
  }

  // Both walls [mm] that three points give, as tas_lib/clicks.py makes them.
  function prior() {
    const [left, apex, right] = points.map(toStage);
    const middle = [0, 1].map((k) => (left[k] + right[k]) / 2);
    const endo = data.prior.map(([across, up]) =>
      [0, 1].map((k) => middle[k] + (across * (right[k] - left[k])) / 2 + up * (apex[k] - middle[k]))
    );
    const thickness = Number(find("thickness").value);
    const epi = endo.map((point, i) => {
      const before = endo[Math.max(i - 1, 0)];
      const after = endo[Math.min(i + 1, endo.length - 1)];
      const along = [after[0] - before[0], after[1] - before[1]];
      const length = Math.hypot(...along);
      return [
        point[0] + (thickness * along[1]) / length,
        point[1] - (thickness * along[0]) / length,
      ];
    });
    return { endo, epi };
  }

  // What can be moved in the frame shown: { key, name, at, colour, move, reset }.
  function handles() {
    const frame = frames[now];
    if (mode === "points") {
      if (frame !== pointsFrame) return [];
      return points.map((at, i) => ({
        key: `point${i}`,
        name: NAMES[i],
        at,
        colour: data.middle,
        move: (to) => (points[i] = to),
      }));
    }
    if (mode === "walls") {
      return Object.entries(walls[frame] || {}).flatMap(([wall, line]) =>
        line.map((at, i) => ({
          key: `${wall}${i}`,
          name: `${wall}cardium, point ${i + 1} of ${line.length}`,
          at,
          colour: data.colours[wall],
          move: (to) => (line[i] = to),
        }))
      );
    }
    const own = corrected[frame] || {};
    return tracks[now].map((at, i) => ({
      key: `middle${i}`,
      name: `middle of the wall, point ${i + 1} of ${tracks[now].length}`,
      at: own[i] || at,
      colour: own[i] ? CORRECTED : data.middle,
      move: (to) => ((corrected[frame] = corrected[frame] || {})[i] = to),
      reset: () => corrected[frame] && delete corrected[frame][i],
    }));
  }

  function zoomed() {
    const zoom = Number(find("zoom").value);
    const seen = extent.map((side) => side / zoom);
    const start = centre.map((c, k) => Math.min(extent[k] - seen[k], Math.max(0, c - seen[k] / 2)));
    return [...start, ...seen];
  }

  function line(stage, colour, dashed) {
    const look = { fill: "none", stroke: colour, "vector-effect": "non-scaling-stroke" };
    look["stroke-width"] = 1.5;
    if (dashed) look["stroke-dasharray"] = "5 4";
    return element("polyline", { points: stage.map((p) => p.join()).join(" "), ...look });
  }

  function lines() {
    if (mode === "points") {
      if (points.length < 3 || frames[now] !== pointsFrame) return [];
      return Object.entries(prior()).map(([wall, stage]) => line(stage, data.colours[wall], true));
    }
    if (mode === "walls") {
      return Object.entries(walls[frames[now]] || {}).map(([wall, drawn]) =>
        line(drawn.map(toStage), data.colours[wall])
      );
    }
    const moved = Object.entries(corrected[frames[now]] || {}).map(([i, to]) =>
      line([tracks[now][i], to].map(toStage), CORRECTED, true)
    );
    return [line(handles().map(({ at }) => toStage(at)), data.middle), ...moved];
  }

  function draw() {
    const focused = page.activeElement && page.activeElement.dataset.key;
    const box = zoomed();
    svg.setAttribute("viewBox", box.join(" "));
    svg.style.aspectRatio = `${extent[0]} / ${extent[1]}`;
    const image = element("image", {
      href: data.images[now],
      width: extent[0],
      height: extent[1],
      preserveAspectRatio: "none",
    });
    image.style.filter = `brightness(${find("bright").value})`;
    const unit = box[2] / (svg.clientWidth || 600); // mm in a pixel of the screen
    const dots = handles().map((handle) => {
      const [cx, cy] = toStage(handle.at);
      const [column, row] = handle.at;
      const label = `${handle.name}: column ${column}, row ${row}`;
      const group = element(
        "g",
        { tabindex: 0, role: "button", "aria-label": label, "data-key": handle.key },
        element("circle", { cx, cy, r: 14 * unit, fill: "transparent" }),
        element("circle", {
          class: "ring", cx, cy, r: 7 * unit, fill: "none", stroke: "transparent",
          "stroke-width": 2 * unit,
        }),
        element("circle", { cx, cy, r: 4 * unit, fill: handle.colour, stroke: "#000", "stroke-width": unit })
      );
      group.onpointerdown = (event) => drag(event, handle);
      group.onkeydown = (event) => key(event, handle);
      group.onfocus = () => (centre = toStage(handle.at));
      return group;
    });
    svg.replaceChildren(image, ...lines(), ...dots);
    if (focused) svg.querySelector(`[data-key=${focused}]`)?.focus();
    find("time").textContent = `${frames[now]} of the file, ${data.times[now]} ms`;
    find("frame").setAttribute("aria-valuetext", find("time").textContent);
    tell();
  }

  function tell() {
    if (tracks) {
      const counts = Object.entries(corrected).map(([f, own]) => [f, Object.keys(own).length]);
      const some = counts.filter(([, count]) => count).map(([f, count]) => `${count} in frame ${f}`);
      find("count").textContent = some.join(", ") || "None yet.";
      return;
    }
    const drawn = Object.keys(walls).join(", ");
    find("drawn").textContent = drawn ? `Drawn in frames ${drawn}.` : "No walls are drawn yet.";
    find("add").disabled = points.length === 3;
    find("add").textContent =
      points.length < 3 ? `Add: ${NAMES[points.length]}` : "All three points are set";
    find("from").disabled = points.length < 3;
    find("copy").disabled = !drawn;
    find("drop").disabled = !walls[frames[now]];
  }

  function place(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
      svg.getScreenCTM().inverse()
    );
    return toFile([at.x, at.y]);
  }

  function drag(event, handle) {
    event.stopPropagation();
    event.preventDefault();
    event.currentTarget.focus();
    const follow = (moved) => {
      handle.move(place(moved));
      draw();
    };
    const stop = () => {
      svg.removeEventListener("pointermove", follow);
      svg.removeEventListener("pointerup", stop);
      svg.removeEventListener("pointercancel", stop);
    };
    svg.setPointerCapture(event.pointerId);
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerup", stop);
    svg.addEventListener("pointercancel", stop);
  }

  function key(event, handle) {
    if (event.key === "Delete" && handle.reset) handle.reset();
    else if (STEPS[event.key]) {
      const step = event.shiftKey ? 5 : 1;
      const to = handle.at.map((p, k) => p + step * STEPS[event.key][k]);
      handle.move(toFile(toStage(to)));
    } else return;
    event.preventDefault();
    draw();
    const moved = handles().find((h) => h.key === handle.key);
    find("said").textContent = `${moved.name}: column ${moved.at[0]}, row ${moved.at[1]}`;
  }

  function add(at) {
    if (mode !== "points" || points.length === 3) return;
    if (pointsFrame !== frames[now]) points = [];
    pointsFrame = frames[now];
    points.push(at);
    draw();
    svg.querySelector(`[data-key=point${points.length - 1}]`).focus();
  }

  function need(fine, problem) {
    if (!fine) throw new Error(problem);
  }

  function beat() {
    const marks = {};
    for (const name of ["ed_frame", "es_frame", "last_frame"]) {
      const input = find(name);
      need(input.value !== "", `Say which frame is ${input.parentElement.textContent.trim()}.`);
      marks[name] = Number(input.value);
    }
    const rising = marks.ed_frame < marks.es_frame && marks.es_frame <= marks.last_frame;
    need(rising, "End-diastole must come before end-systole, and the last frame not before that.");
    return { view: find("view").value, ...marks };
  }

  function drawing() {
    const who = find("author").value.trim();
    need(who, "Say who drew.");
    const date = new Date().toISOString().slice(0, 10);
    const before = opened.format === data.formats[mode] ? opened : {};
    const clip = { ...before.clip, ...data.clip };
    const about = { ...before, format: data.formats[mode], clip, author: who, date };
    about.coordinates = data.coordinates;
    if (mode === "corrections") {
      const corrections = Object.entries(corrected).flatMap(([frame, own]) =>
        Object.entries(own).map(([i, [column, row]]) => {
          return { frame: Number(frame), along: i / (tracks[0].length - 1), column, row };
        })
      );
      corrections.push(...(before.corrections || []).filter(({ along }) => handle(along) === null));
      need(corrections.length, "Nothing is corrected yet.");
      return { ...about, corrections };
    }
    Object.assign(about, beat());
    if (mode === "points") {
      need(points.length === 3, `Set the ${NAMES[points.length]}.`);
      return { ...about, frame: pointsFrame, points, thickness_mm: Number(find("thickness").value) };
    }
    const contours = Object.entries(walls).map(([f, both]) => ({ frame: Number(f), ...both }));
    need(contours.length, "Draw the walls in one frame or more.");
    const sure = {
      method: before.method || "by eye",
      uncertainty_mm: Number(find("uncertainty").value),
    };
    return { ...about, ...sure, contours };
  }

  function attempt(action) {
    find("problem").textContent = "";
    try {
      action();
    } catch (error) {
      find("problem").textContent = error.message;
    }
  }

  function save() {
    const text = JSON.stringify(drawing(), null, 1);
    find("json").textContent = text;
    const link = page.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `${{ points: "clicks" }[mode] || mode}.json`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  // Which handle a correction is of; null: one between two, of a file that no such page wrote.
  function handle(along) {
    const i = Math.round(along * (tracks[0].length - 1));
    return Math.abs(i / (tracks[0].length - 1) - along) < 1e-9 ? i : null;
  }

  function open(text) {
    const given = JSON.parse(text);
    const kind = Object.keys(data.formats).find((name) => data.formats[name] === given.format);
    need(kind && (kind === "corrections") === Boolean(tracks), "This file is of another kind.");
    need(given.clip.file === data.clip.file, `This file is of the clip ${given.clip.file}.`);
    opened = given;
    find("author").value = given.author;
    if (kind === "corrections") {
      corrected = {};
      for (const { frame, along, column, row } of given.corrections) {
        const i = handle(along);
        if (i !== null) (corrected[frame] = corrected[frame] || {})[i] = [column, row];
      }
      return show(frames.indexOf(given.corrections[0].frame));
    }
    for (const name of ["ed_frame", "es_frame", "last_frame", "view"]) find(name).value = given[name];
    page.querySelector(`[name=mode][value=${kind}]`).checked = true;
    choose(kind);
    if (kind === "points") {
      ({ points, frame: pointsFrame } = given);
      find("thickness").value = given.thickness_mm ?? find("thickness").defaultValue;
      return show(frames.indexOf(pointsFrame));
    }
    walls = {};
    for (const { frame, endo, epi } of given.contours) walls[frame] = { endo, epi };
    find("uncertainty").value = given.uncertainty_mm;
    show(frames.indexOf(given.contours[0].frame));
  }

  function show(k) {
    now = Math.max(k, 0);
    find("frame").value = now;
    draw();
  }

  function choose(kind) {
    mode = kind;
    page.querySelectorAll("[data-for]").forEach((part) => (part.hidden = part.dataset.for !== kind));
    draw();
  }

  function nearest() {
    const drawn = Object.keys(walls).map(Number);
    const apart = (f) => Math.abs(f - frames[now]);
    const from = walls[drawn.reduce((a, b) => (apart(b) < apart(a) ? b : a))];
    walls[frames[now]] = structuredClone(from);
  }

  const onClick = (id, action) => {
    if (find(id)) find(id).onclick = () => { action(); draw(); };
  };
  onClick("undo", () => delete corrected[frames[now]]);
  onClick("add", () => add(toFile(centre)));
  onClick("clear", () => { points = []; pointsFrame = null; });
  onClick("from", () => {
    const both = Object.entries(prior()).map(([wall, stage]) => [wall, stage.map(toFile)]);
    walls[frames[now]] = Object.fromEntries(both);
  });
  onClick("copy", nearest);
  onClick("drop", () => delete walls[frames[now]]);
  page.querySelectorAll("[data-mark]").forEach((button) => {
    button.onclick = () => (find(button.dataset.mark).value = frames[now]);
  });
  page.querySelectorAll("[name=mode]").forEach((radio) => {
    radio.onchange = () => choose(radio.value);
  });
  for (const id of ["zoom", "bright", "thickness"]) if (find(id)) find(id).oninput = draw;
  find("frame").oninput = () => show(Number(find("frame").value));
  find("save").onclick = () => attempt(save);
  find("open").onchange = async () => {
    const [file] = find("open").files;
    const text = await file.text();
    attempt(() => open(text));
  };
  svg.onpointerdown = (event) => {
    event.preventDefault(); // else the focus goes elsewhere
    add(place(event));
  };
  page.querySelector("form").onsubmit = (event) => event.preventDefault();
  window.addEventListener("resize", draw);
  for (const name in data.marks) if (find(name)) find(name).value = data.marks[name];
  if (data.view && find("view")) find("view").value = data.view;
  show(data.marks.es_frame ? frames.indexOf(data.marks.es_frame) : 0);
}
