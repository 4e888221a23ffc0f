// The browser's side of latentmim.explore: an anywidget module (https://anywidget.dev), used as it stands.
// It draws what Python computed (`_shown`) over the images (`_pictures`) and sets the traits that a user moves.

const VIEWS = { similarity: "Similarity", segments: "Segments", pca: "PCA" };

// The colour at a share, 0 … 1, of the way through a list of colours.
function between(colours, share) {
  const at = Math.min(Math.max(share, 0), 1) * (colours.length - 1);
  const low = Math.min(Math.floor(at), colours.length - 2);
  return colours[low].map((value, i) => value + (at - low) * (colours[low + 1][i] - value));
}

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value; else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// The bytes of a buffer from Python, in memory that begins where typed arrays want it.
function bytes(buffer) {
  const view = buffer instanceof ArrayBuffer ? new Uint8Array(buffer)
    : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return view.slice();
}

function bitmap(width, height, colour) {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set(colour(i), 4 * i);
  context.putImageData(image, 0, 0);
  return canvas;
}

// A picture as Python sent it, in colours and in grey.
function readPicture(sent) {
  const pixels = bytes(sent.pixels);
  const colours = bitmap(sent.width, sent.height, i => [pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2], 255]);
  const grey = bitmap(sent.width, sent.height, i => {
    const light = 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2];
    return [light, light, light, 255];
  });
  return { ...sent, colours, grey };
}

function readMap(shown, index) {
  const buffer = bytes(shown.maps[index]).buffer;
  if (shown.view === "similarity") return new Float32Array(buffer);
  return shown.view === "segments" ? new Uint32Array(buffer) : new Uint8Array(buffer);
}

// The colour of patch i, [red, green, blue, 0 … 255 opaque].
function colouring(view, map, threshold, colours) {
  if (view === "pca") return i => [map[3 * i], map[3 * i + 1], map[3 * i + 2], 255];
  if (view === "segments") return i => [...colours[map[i] % colours.length], 255];
  const span = Math.max(1 - threshold, 1e-6);
  return i => map[i] < threshold ? [0, 0, 0, 0] : [...between(colours, (map[i] - threshold) / span), 255];
}

// The first of the greatest.
function argmax(map) {
  return map.reduce((best, value, i) => value > map[best] ? i : best, 0);
}

function drawBorders(context, map, { rows, columns }, width, height) {
  const [x, y] = [width / columns, height / rows];
  context.beginPath();
  for (let i = 0; i < rows * columns; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    if (column + 1 < columns && map[i] !== map[i + 1]) {
      context.moveTo((column + 1) * x, row * y);
      context.lineTo((column + 1) * x, (row + 1) * y);
    }
    if (row + 1 < rows && map[i] !== map[i + columns]) {
      context.moveTo(column * x, (row + 1) * y);
      context.lineTo((column + 1) * x, (row + 1) * y);
    }
  }
  context.strokeStyle = "white";
  context.lineWidth = Math.max(1, width / 400);
  context.stroke();
}

function outline(context, row, column, { rows, columns }, width, height, strokes) {
  const [x, y] = [width / columns, height / rows];
  for (const [style, line] of strokes) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.strokeRect(column * x, row * y, x, y);
  }
}

class View {
  constructor(model, el) {
    this.model = model;
    this.scale = window.devicePixelRatio || 1;
    this.colours = model.get("_colours");
    this.pictures = model.get("_pictures").map(readPicture);
    // JupyterLab would take arrow keys for moving between cells.
    this.root = element("div", { className: "lm-explore", "data-lm-suppress-shortcuts": "true" });
    this.root.addEventListener("keydown", event => event.stopPropagation());
    this.figures = this.pictures.map((picture, index) => this.figure(picture, index));
    const count = this.pictures.reduce((sum, picture) => sum + picture.rows * picture.columns, 0);
    this.controls = [
      this.views(),
      this.slider("layer", "Layer", { min: 0, max: model.get("_depth"), step: 1, late: true }),
      this.slider("threshold", "Threshold", { min: 0, max: 1, step: 0.01, only: "similarity" }),
      this.slider("segments", "Segments", { min: 1, max: Math.min(40, count), step: 1, only: "segments" }),
      this.slider("opacity", "Opacity", { min: 0, max: 1, step: 0.01 }),
    ];
    this.legend = element("div", { className: "lm-legend", "aria-hidden": "true" });
    this.status = element("output", { className: "lm-status" });
    this.alert = element("div", { className: "lm-error", role: "alert" });
    this.root.append(
      element("div", { className: "lm-controls" }, ...this.controls.map(control => control.node)), this.alert,
      element("div", { className: `lm-figures${this.pictures.length === 1 ? " lm-single" : ""}` },
        ...this.figures.map(figure => figure.node)),
      element("div", { className: "lm-below" }, this.status, this.legend));
    el.append(this.root);
    this.listen();
    this.update();
  }

  listen() {
    const update = () => this.update();
    const arrived = () => { this.busy(false); this.update(); };
    const events = [["change:patch change:threshold change:segments change:layer change:view change:opacity", update],
      ["change:_shown change:_error", arrived]];
    for (const [names, call] of events) for (const name of names.split(" ")) this.model.on(name, call);
    const observer = new ResizeObserver(() => this.draw());
    for (const figure of this.figures) observer.observe(figure.canvas);
    this.forget = () => {
      observer.disconnect();
      for (const [names, call] of events) for (const name of names.split(" ")) this.model.off(name, call);
    };
  }

  // Sets a trait; Python answers with `_shown` where it has to compute.
  set(name, value) {
    if (JSON.stringify(this.model.get(name)) === JSON.stringify(value)) return;
    const view = this.model.get("view");
    const computes = name === "layer" || name === "view" || { similarity: "patch", segments: "segments" }[view] === name;
    this.busy(computes);
    this.model.set(name, value);
    this.model.save_changes();
  }

  busy(is) {
    this.root.toggleAttribute("aria-busy", is);
  }

  views() {
    const group = element("div", { className: "lm-views", role: "group", "aria-label": "View" });
    const buttons = Object.entries(VIEWS).map(([name, title]) => {
      const button = element("button", { type: "button", textContent: title, "data-view": name });
      button.addEventListener("click", () => this.set("view", name));
      group.append(button);
      return button;
    });
    return {
      node: group,
      update: () => buttons.forEach(button =>
        button.setAttribute("aria-pressed", String(button.dataset.view === this.model.get("view")))),
    };
  }

  // `late`: sent when it is let go; `only`: shown in one view.
  slider(trait, title, { min, max, step, late, only }) {
    const input = element("input", { type: "range", step, "data-trait": trait });
    const value = element("span", { className: "lm-value" });
    const node = element("label", { className: "lm-slider" }, element("span", { textContent: title }), input, value);
    const show = number => { value.textContent = step < 1 ? number.toFixed(2) : String(number); };
    input.addEventListener("input", () => show(Number(input.value)));
    input.addEventListener(late ? "change" : "input", () => this.set(trait, Number(input.value)));
    return {
      node,
      update: () => {
        const number = this.model.get(trait);
        input.min = Math.min(min, number);
        input.max = Math.max(max, number);
        input.value = number;
        show(number);
        node.hidden = Boolean(only) && only !== this.model.get("view");
      },
    };
  }

  figure(picture, index) {
    const canvas = element("canvas", { tabIndex: 0, role: "application", "aria-roledescription": "patches" });
    canvas.setAttribute("aria-label", `${picture.name}: ${picture.rows} by ${picture.columns} patches, arrow keys move`);
    canvas.style.aspectRatio = `${picture.width} / ${picture.height}`;
    canvas.style.setProperty("--lm-shape", picture.width / picture.height);
    const caption = element("figcaption", { title: picture.name },
      element("span", { textContent: picture.name }), element("span"));
    const figure = { canvas, caption, picture, hovered: null, node: element("figure", {}, canvas, caption) };
    const place = event => {
      const box = canvas.getBoundingClientRect();
      const inside = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
      return [inside((event.clientY - box.top) / box.height, picture.rows),
        inside((event.clientX - box.left) / box.width, picture.columns)];
    };
    canvas.addEventListener("pointerdown", event => {
      if (event.button === 0) this.set("patch", [index, ...place(event)]);
    });
    canvas.addEventListener("pointermove", event => {
      figure.hovered = place(event);
      if (event.buttons & 1) this.set("patch", [index, ...figure.hovered]); else this.draw();
    });
    canvas.addEventListener("pointerleave", () => { figure.hovered = null; this.draw(); });
    canvas.addEventListener("keydown", event => this.move(event, index));
    return figure;
  }

  move(event, index) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Enter: [0, 0] }[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const { rows, columns } = this.pictures[index];
    const [image, row, column] = this.model.get("patch");
    const from = image === index ? [row + step[0], column + step[1]] : [Math.floor(rows / 2), Math.floor(columns / 2)];
    this.set("patch", [index, Math.min(Math.max(from[0], 0), rows - 1), Math.min(Math.max(from[1], 0), columns - 1)]);
  }

  update() {
    for (const control of this.controls) control.update();
    const error = this.model.get("_error");
    this.alert.textContent = error;
    this.alert.hidden = !error;
    this.draw();
  }

  draw() {
    const shown = this.model.get("_shown");
    if (shown.number !== this.number) {
      this.number = shown.number;
      this.maps = this.pictures.map((_, index) => readMap(shown, index));
      this.best = shown.view === "similarity" ? this.maps.map(argmax) : [];
    }
    this.figures.forEach((figure, index) => this.drawFigure(figure, index, shown.view));
    this.describe(shown.view);
  }

  drawFigure({ canvas, caption, picture, hovered, node }, index, view) {
    caption.lastChild.textContent =
      view === "similarity" ? `up to ${this.maps[index][this.best[index]].toFixed(2)}` : "";
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map(side => Math.round(side * this.scale));
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const opacity = this.model.get("opacity");
    context.imageSmoothingEnabled = true;
    context.drawImage(opacity ? picture.grey : picture.colours, 0, 0, width, height);
    const colour = colouring(view, this.maps[index], this.model.get("threshold"), this.colours[view]);
    context.globalAlpha = opacity;
    context.imageSmoothingEnabled = false;
    context.drawImage(bitmap(picture.columns, picture.rows, colour), 0, 0, width, height);
    context.globalAlpha = 1;
    if (view === "segments" && opacity) drawBorders(context, this.maps[index], picture, width, height);
    const [image, row, column] = this.model.get("patch");
    node.classList.toggle("lm-current", image === index && this.pictures.length > 1);
    const thin = Math.max(1, width / 500);
    if (hovered) outline(context, ...hovered, picture, width, height, [["white", thin]]);
    if (view === "similarity" && image !== index) {
      const best = this.best[index];
      const place = [Math.floor(best / picture.columns), best % picture.columns];
      outline(context, ...place, picture, width, height, [["black", 3 * thin], ["white", thin]]);
    }
    if (image === index) {
      outline(context, row, column, picture, width, height, [["black", 5 * thin], ["white", 2.5 * thin]]);
    }
  }

  // What is under the pointer, or else the patch; and what colours mean.
  describe(view) {
    const over = this.figures.findIndex(figure => figure.hovered);
    const [image, row, column] = over >= 0 ? [over, ...this.figures[over].hovered] : this.model.get("patch");
    const { name, columns } = this.pictures[image];
    const at = row * columns + column;
    const value = {
      similarity: () => `similarity ${this.maps[image][at].toFixed(2)}`,
      segments: () => `segment ${this.maps[image][at]}`,
      pca: () => `components ${[0, 1, 2].map(i => (this.maps[image][3 * at + i] / 255).toFixed(2)).join(", ")}`,
    }[view]();
    this.status.textContent = `${name}, row ${row}, column ${column}: ${value}`;
    this.legend.hidden = view !== "similarity";
    const stops = this.colours.similarity.map(colour => `rgb(${colour})`).join(", ");
    this.legend.replaceChildren(element("span", { textContent: this.model.get("threshold").toFixed(2) }),
      element("span", { className: "lm-bar", style: `background: linear-gradient(to right, ${stops})` }),
      element("span", { textContent: "1" }));
  }
}

function render({ model, el }) {
  const view = new View(model, el);
  return () => view.forget();
}

export default { render };
