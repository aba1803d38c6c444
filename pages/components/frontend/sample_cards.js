// The class cards of a labelled sample set: names, tiles, what to do with the chosen ones.
// Text is only ever set as text, never as markup: names and file names are the visitor's.

const ICONS = {
  add: "M12 5v14M5 12h14",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  remove: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  before: "M15 6l-6 6 6 6",
  after: "M9 6l6 6-6 6",
};
const SVG = "http://www.w3.org/2000/svg";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made[name] = value;
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function icon(name, label, onclick, attributes = {}) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  const more = attributes.class ? ` ${attributes.class}` : "";
  return element(
    "button",
    { type: "button", title: label, "aria-label": label, onclick, ...attributes, class: "icon" + more },
    drawing,
  );
}

function waveform(path) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 60 20");
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", "wave");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

// Samples live in the visitor's session, which a reload ends: the browser asks before.
const ask = (event) => event.preventDefault();

function askBeforeLeaving(wanted) {
  if (wanted) window.addEventListener("beforeunload", ask);
  else window.removeEventListener("beforeunload", ask);
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector(".cards");
  // What is chosen lives here: it changes at once and concerns nobody else. What was sent and not
  // yet heard is kept and sent again with the next event, so that quick clicks are not lost.
  const state = (root.state ??= { chosen: new Set(), last: null, unheard: [], serial: Date.now() });
  state.unheard = state.unheard.filter((event) => event.serial > data.heard);
  const shown = new Set(data.cards.flatMap((card) => card.tiles.map((tile) => tile.id)));
  for (const id of state.chosen) if (!shown.has(id)) state.chosen.delete(id);
  const words = data.words;
  askBeforeLeaving(shown.size > 0);

  const send = (kind, fields = {}) => {
    state.unheard.push({ serial: ++state.serial, kind, ...fields });
    // What was acted on is no longer chosen: the next key must not act on it again.
    if (fields.tiles && kind !== "play") state.chosen.clear();
    setTriggerValue("events", [...state.unheard]);
  };
  const chosenOf = (card) => card.tiles.map((tile) => tile.id).filter((id) => state.chosen.has(id));

  function drawHead(card, place) {
    const name = element("input", {
      class: "name", value: card.name, readonly: card.fixed && "", maxlength: 200, "aria-label": words.name,
      "data-focus": `name ${card.id}`, spellcheck: "false",
    });
    const rename = () => {
      if (name.value !== card.name) send("rename", { card: card.id, name: name.value });
    };
    name.onchange = rename;
    name.onkeydown = (event) => {
      if (event.key === "Enter") name.blur();
      if (event.key === "Escape") { name.value = card.name; name.blur(); }
    };
    const button = (kind, label, disabled = false) =>
      icon(kind, `${label}: ${card.name}`, () => send(kind, { card: card.id }), {
        disabled: disabled && "", "data-focus": `${kind} ${card.id}`, class: kind,
      });
    const order = card.fixed ? [] : [
      button("up", words.up, place === 0),
      button("down", words.down, place === data.cards.length - 1),
    ];
    return element(
      "div", { class: "head" }, name, element("span", { class: "count" }, card.count), ...order,
      button("remove", words.remove_class),
      button("add", words.add),
    );
  }

  function drawTile(card, tile, redraw) {
    const label = tile.flag ? `${tile.title}: ${tile.flag}` : tile.title;
    const pressed = state.chosen.has(tile.id);
    const made = element(
      "button",
      {
        type: "button", class: "tile", title: label, "aria-label": label, draggable: "true",
        "aria-pressed": String(pressed), "data-focus": `tile ${tile.id}`,
      },
      element("img", { src: tile.src, alt: "", loading: "lazy", draggable: "false" }),
    );
    if (tile.wave) made.prepend(waveform(tile.wave));
    if (tile.flag) made.append(element("span", { class: "flag", "aria-hidden": "true" }, "!"));
    made.onclick = (event) => {
      const ids = card.tiles.map((entry) => entry.id);
      const from = ids.indexOf(state.last);
      if (event.shiftKey && from >= 0) {
        const to = ids.indexOf(tile.id);
        for (const id of ids.slice(Math.min(from, to), Math.max(from, to) + 1)) state.chosen.add(id);
      } else if (!state.chosen.delete(tile.id)) {
        state.chosen.add(tile.id);
      }
      state.last = tile.id;
      redraw();
    };
    made.onkeydown = (event) => {
      if (event.key === "Delete" || event.key === "Backspace") {
        state.chosen.add(tile.id);
        send("remove_tiles", { tiles: [...state.chosen] });
      } else if (event.key === "Escape") {
        state.chosen.clear();
        redraw();
      } else if (event.key.startsWith("Arrow")) {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        const all = [...made.closest(".grid").querySelectorAll(".tile")];
        if (step) all[all.indexOf(made) + step]?.focus();
      }
    };
    made.ondragstart = (event) => {
      if (!state.chosen.has(tile.id)) { state.chosen.clear(); state.chosen.add(tile.id); }
      event.dataTransfer.setData("text/plain", tile.id);
      event.dataTransfer.effectAllowed = "move";
      state.dragged = true;
    };
    made.ondragend = () => { state.dragged = false; };
    if (!tile.playable) return made;
    const play = element(
      "button",
      {
        type: "button", class: "play", "data-focus": `play ${tile.id}`, title: words.play,
        "aria-label": `${words.play}: ${card.name}, ${tile.title}`,
        onclick: () => send("play", { tiles: [tile.id] }),
      },
      "▶",
    );
    return element("div", { class: "sound" }, made, play);
  }

  function drawFoot(card, redraw) {
    const foot = element("div", { class: "foot" });
    const chosen = chosenOf(card);
    if (chosen.length) {
      foot.append(element("span", {}, words.chosen.replace("{count}", chosen.length)));
      const act = (label, kind, key) => element(
        "button",
        { type: "button", class: "text", onclick: () => send(kind, { tiles: chosen }), "data-focus": `${key} ${card.id}` },
        label,
      );
      foot.append(act(words.remove, "remove_tiles", "cut"));
      const others = data.cards.filter((other) => other.id !== card.id);
      if (others.length) {
        const select = element("select", { "aria-label": words.move, "data-focus": `move ${card.id}` });
        select.append(element("option", { value: "" }, words.move));
        for (const other of others) select.append(element("option", { value: other.id }, other.name));
        select.onchange = () => send("move_tiles", { tiles: chosen, card: select.value });
        foot.append(select);
      }
      if (chosen.length === 1 && words.open) foot.append(act(words.open, "open", "open"));
    }
    if (card.pages > 1) {
      const turn = (kind, label, page, disabled) =>
        icon(kind, label, () => send("page", { card: card.id, page }), {
          disabled: disabled && "", "data-focus": `${kind} ${card.id}`,
        });
      foot.append(
        element("span", { class: "fill" }),
        turn("before", words.before, card.page - 1, card.page === 0),
        element("span", { class: "count" }, `${card.page + 1} / ${card.pages}`),
        turn("after", words.after, card.page + 1, card.page === card.pages - 1),
      );
    }
    return foot.children.length ? foot : "";
  }

  function drawCard(card, place, redraw) {
    const made = element("section", { class: card.target ? "card target" : "card", "aria-label": card.name });
    made.append(drawHead(card, place));
    if (card.tiles.length) {
      made.append(element("div", { class: words.play ? "grid sounds" : "grid" }, ...card.tiles.map((tile) => drawTile(card, tile, redraw))));
    } else {
      made.append(element(
        "button",
        { type: "button", class: "empty", onclick: () => send("add", { card: card.id }), "data-focus": `empty ${card.id}` },
        words.empty,
      ));
    }
    made.append(drawFoot(card, redraw));
    for (const note of card.notes) made.append(element("div", { class: "note" }, element("span", {}, note)));
    made.ondragover = (event) => {
      if (!state.dragged) return;
      event.preventDefault();
      made.classList.add("over");
    };
    made.ondragleave = (event) => {
      if (!made.contains(event.relatedTarget)) made.classList.remove("over");
    };
    made.ondrop = (event) => {
      event.preventDefault();
      made.classList.remove("over");
      const own = new Set(card.tiles.map((tile) => tile.id));
      const tiles = [...state.chosen].filter((id) => !own.has(id));
      if (state.dragged && tiles.length) send("move_tiles", { tiles, card: card.id });
    };
    return made;
  }

  function redraw() {
    const focused = parentElement.activeElement ?? root.getRootNode().activeElement;
    const key = focused?.dataset?.focus;
    const typed = focused?.classList?.contains("name") ? focused.value : null;
    root.replaceChildren(...data.cards.map((card, place) => drawCard(card, place, redraw)));
    if (!key) return;
    const again = root.querySelector(`[data-focus="${CSS.escape(key)}"]`);
    if (again) {
      if (typed !== null && again.value !== typed && data.heard === state.heard) again.value = typed;
      again.focus({ preventScroll: true });
    }
    state.heard = data.heard;
  }
  redraw();
  const played = data.played;
  // A page that is opened anew does not say again what was played before.
  if (played && state.played !== undefined && played.serial > state.played) {
    state.sound?.pause();
    state.sound = new Audio(played.url);
    state.sound.play().catch(() => {}); // the browser may forbid sound; there is nothing to mend
  }
  state.played = played?.serial ?? 0;
}
