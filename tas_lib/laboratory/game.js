// Be the tracker: places said by the reader, then those that are true and those that trackers found.
function game(root) {
  const { asked, names, rounds } = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const find = (name) => root.querySelector(`[data-${name}]`);
  const [slider, picture, status, legend, total, score, forward, put] =
    ["frame", "picture", "status", "legend", "total", "score", "forward", "place"].map(find);
  const SCALE = 3, YOU = "#fff", TRUE = "#f0e442", OTHERS = ["#56b4e9", "#ff9d5c"];
  const SHAPES = ["□", "△"];
  const defaults = { round: 1 }, address = addressOf("tracker", defaults, { round: [1, rounds.length, 1] });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const game = JSON.stringify([asked, rounds.map(({ truth, pixel }) => [truth, pixel])]); // whose answers these are
  let answers = remembered() ?? rounds.map(() => []); // of each round, places
  let number = 0, frame = 0, watched = 0, cross = [0, 0];

  const images = rounds.map(({ image }) => Object.assign(new Image(), { onload: draw, src: image }));
  const here = () => rounds[number];
  const place = (tenths) => tenths.map((tenth) => tenth / 10);
  const said = () => answers[number];
  const complete = (round) => answers[round].length === asked.length;
  const over = () => complete(number);
  const last = () => asked[Math.min(said().length, asked.length - 1)]; // the frame that may be seen
  const open = () => rounds.map((_, i) => (number + 1 + i) % rounds.length).filter((round) => !complete(round));

  // Answers of an earlier visit, if the browser keeps any and they are of this game.
  function remembered() {
    try {
      const kept = JSON.parse(sessionStorage.getItem("tracker"));
      return kept.game === game ? kept.answers : null;
    } catch { return null; }
  }

  function remember() {
    try { sessionStorage.setItem("tracker", JSON.stringify({ game, answers })); } catch { /* forbidden or full */ }
  }

  function begin(index) {
    number = index;
    [frame, watched, cross] = [over() ? last() : 0, 0, said().at(-1) ?? place(rounds[index].truth[0])];
    address.write({ round: index + 1 });
    clock.run(false);
    draw();
  }

  // Goes on to where the reader is asked.
  function watch() {
    if (calm) frame = watched = last();
    draw();
    clock.run(!calm);
  }

  function step(by) {
    frame = Math.max(0, Math.min(last(), frame + by));
    watched = Math.max(watched, frame);
    if (frame === last()) clock.run(false);
    draw();
  }

  // Puts the cross where the point may be; what is asked must have been watched before.
  function point(at) {
    if (over()) return;
    if (watched < last()) return watch();
    clock.run(false);
    [frame, cross] = [last(), at];
    draw();
  }

  function say() {
    if (over()) return;
    if (watched < last()) return watch();
    said().push(cross);
    remember();
    if (!over()) return watch();
    draw();
    if (!forward.disabled) forward.focus();
  }

  // Mean errors of a round in mm: [you, trackers..., staying].
  function errors(round) {
    const { truth, found, pixel } = rounds[round];
    const error = (at) => average(asked.map((t, i) => {
      const [x, y] = at(t, i), [u, v] = place(truth[t]);
      return pixel * Math.hypot(x - u, y - v);
    }));
    return [error((t, i) => answers[round][i]), ...found.map((path) => error((t) => place(path[t]))), error(() => place(truth[0]))];
  }

  // ---- what is seen
  function mark(g, [x, y], shape, colour) {
    const [u, v] = [x * SCALE, y * SCALE], r = 7;
    for (const [style, width] of [["#000", 4], [colour, 2]]) {
      g.strokeStyle = style;
      g.lineWidth = width;
      g.beginPath();
      if (shape === "○") g.arc(u, v, r, 0, 7);
      if (shape === "□") g.rect(u - r, v - r, 2 * r, 2 * r);
      if (shape === "△") { g.moveTo(u, v - r); g.lineTo(u + r, v + r); g.lineTo(u - r, v + r); g.closePath(); }
      if (shape === "+") { g.moveTo(u - r, v); g.lineTo(u + r, v); g.moveTo(u, v - r); g.lineTo(u, v + r); }
      g.stroke();
    }
  }

  function trail(g, path, colour) {
    g.strokeStyle = colour;
    g.lineWidth = 1.5;
    g.beginPath();
    path.slice(0, frame + 1).map(place).forEach(([x, y]) => g.lineTo(x * SCALE, y * SCALE));
    g.stroke();
  }

  function draw() {
    const { size: [width, height], columns, truth, found, times } = here(), image = images[number];
    const g = sharpContext(picture, width * SCALE, height * SCALE);
    const [left, top] = [(frame % columns) * width, Math.floor(frame / columns) * height];
    if (image.naturalWidth) g.drawImage(image, left, top, width, height, 0, 0, width * SCALE, height * SCALE);
    if (over()) {
      found.forEach((path, i) => { trail(g, path, OTHERS[i]); mark(g, place(path[frame]), SHAPES[i], OTHERS[i]); });
      trail(g, truth, TRUE);
    }
    if (over() || frame === 0) mark(g, place(truth[frame]), "○", TRUE);
    const mine = asked.indexOf(frame);
    if (said()[mine]) mark(g, said()[mine], "+", YOU);
    else if (frame === last()) mark(g, cross, "+", YOU);
    slider.max = last();
    slider.value = frame;
    slider.setAttribute("aria-valuetext", `${times[frame]} ms after end-systole`);
    put.disabled = over() || watched < last();
    forward.disabled = !over() || !open().length;
    legend.textContent = ["○ truth", "+ you", ...names.map((name, i) => `${SHAPES[i]} ${name}`)].slice(0, over() ? 4 : 2).join("  ");
    picture.setAttribute("aria-label", `Film, ${times[frame]} ms after end-systole; the cross is at ${cross.map((v) => (v * here().pixel).toFixed(0)).join(", ")} mm`);
    tell();
    showScore();
  }

  function tell() {
    const { times } = here(), parts = [`round ${number + 1} of ${rounds.length}`];
    if (over()) {
      const [you, ...others] = errors(number);
      const better = [...names, "staying"].filter((_, i) => others[i] < you);
      parts.push(`you erred by ${you.toFixed(1)} mm`, better.length ? `nearer: ${better.join(", ")}` : "nobody was nearer");
    } else if (watched < last()) {
      parts.push(frame ? "watch where it goes" : "the ring marks the point at end-systole: press Play");
    } else parts.push(`where is it ${times[last()]} ms after end-systole? (${said().length + 1} of ${asked.length})`);
    const text = parts.join(" · ");
    if (status.textContent !== text) status.textContent = text;
  }

  function showScore() {
    const played = rounds.map((_, round) => round).filter(complete).map(errors);
    const means = [...score.rows].map((row, i) => {
      const now = over() ? errors(number)[i].toFixed(1) : "";
      const far = played.length ? average(played.map((r) => r[i])).toFixed(1) : "";
      const won = i && played.length ? `${played.filter((r) => r[0] < r[i]).length} of ${played.length}` : "";
      [now, far, won].forEach((text, k) => { row.cells[k + 1].textContent = text; });
      return far;
    });
    total.hidden = open().length > 0;
    const text = `All ${rounds.length} rounds are played. Mean errors: you ${means[0]} mm, ${[...names, "staying"].map((name, i) => `${name} ${means[i + 1]} mm`).join(", ")}.`;
    if (total.textContent !== text) total.textContent = text;
  }

  // ---- what is done
  const clock = clockOf(find("play"), () => step(1), 130);
  const play = find("play").onclick;
  find("play").onclick = () => { if (frame === last()) frame = 0; play(); };
  find("back").onclick = () => { clock.run(false); step(-1); };
  find("next").onclick = () => { clock.run(false); step(1); };
  slider.oninput = () => { clock.run(false); step(Number(slider.value) - frame); };
  put.onclick = say;
  forward.onclick = () => {
    begin(open()[0]);
    picture.focus({ preventScroll: true });
    picture.parentElement.scrollIntoView({ block: "nearest" });
  };
  find("reset").onclick = () => { answers = rounds.map(() => []); remember(); begin(0); };
  let aimed = false; // the click that may begin a double one has put the cross
  picture.onclick = (event) => {
    if (event.detail < 2) aimed = watched >= last();
    const box = picture.getBoundingClientRect(), [width, height] = here().size;
    point([((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height]);
  };
  picture.ondblclick = () => { if (aimed) say(); };
  picture.onkeydown = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter") say();
    if (way) point(cross.map((v, i) => Math.max(0, Math.min(here().size[i], v + way[i] * (event.shiftKey ? 8 : 1)))));
    if (way || event.key === "Enter") event.preventDefault();
  };
  const given = () => (address.read() ?? defaults).round - 1;
  addEventListener("hashchange", () => { if (address.read() && given() !== number) begin(given()); });
  begin(given());
}
