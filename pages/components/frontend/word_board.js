// The words as tiles. Live: a tile turns green when its word is heard, and fades. For a
// recording: the same while it plays, and each event can be played.

const HOLD_MS = 700;
const FRESH_S = 2.5; // an older event, such as after a sleep, lights nothing
const LEAD_S = 0.9; // playing an event begins so long before its end
const FAINTEST_DB = -60;
const STOPS = [
  [16, 21, 28],
  [38, 60, 102],
  [31, 122, 112],
  [122, 189, 96],
  [253, 231, 120],
];

function colours() {
  const table = new Uint8ClampedArray(256 * 4);
  for (let value = 0; value < 256; value += 1) {
    const at = (value / 255) * (STOPS.length - 1);
    const low = Math.min(Math.floor(at), STOPS.length - 2);
    for (let part = 0; part < 3; part += 1) {
      const mixed = STOPS[low][part] * (1 - at + low) + STOPS[low + 1][part] * (at - low);
      table[value * 4 + part] = mixed;
    }
    table[value * 4 + 3] = 255;
  }
  return table;
}

export default function ({ parentElement, data: [data] }) {
  const root = parentElement.querySelector(".board");
  const state = (root.state ??= {
    tiles: new Map(),
    order: "",
    seen: 0,
    shown: "",
    columnsAt: 0,
    timers: new Map(),
    colours: colours(),
    played: 0,
    frame: 0,
  });
  const { words, events } = data;
  state.data = data;

  function light(word) {
    const tile = state.tiles.get(word);
    if (!tile) return;
    clearTimeout(state.timers.get(word));
    tile.classList.add("on");
    state.timers.set(
      word,
      setTimeout(() => tile.classList.remove("on"), HOLD_MS),
    );
  }

  function drawTiles() {
    const order = JSON.stringify(data.tiles.map((tile) => tile.word));
    if (order !== state.order) {
      state.order = order;
      state.tiles.clear();
      const list = root.querySelector(".tiles");
      list.replaceChildren();
      for (const { word } of data.tiles) {
        const tile = made("li", "tile");
        tile.dataset.word = word;
        tile.title = word;
        tile.append(made("div", "word", word), made("div", "score"), made("div", "bar"));
        tile.append(made("div", "mark"));
        list.append(tile);
        state.tiles.set(word, tile);
      }
    }
    for (const { word, score, threshold, count, note } of data.tiles) {
      const tile = state.tiles.get(word);
      tile.querySelector(".score").textContent = note ?? percent(score);
      tile.querySelector(".bar").style.transform = `scaleX(${score})`;
      const mark = tile.querySelector(".mark");
      mark.hidden = threshold === null;
      mark.style.left = `calc(${100 * (threshold ?? 0)}% - 2px)`;
      tile.classList.toggle("found", count > 0);
    }
  }

  function drawLog() {
    const newest = events.length ? events[events.length - 1].serial : 0;
    const shown = `${data.audio}/${data.run}/${newest}/${events.length}`;
    if (shown === state.shown) return;
    state.shown = shown;
    const log = root.querySelector(".log");
    log.setAttribute("aria-label", words.log);
    const listed = data.live ? events.slice(-40).reverse() : events;
    log.replaceChildren(
      ...listed.map((event) => {
        const parts = [
          made("span", "dim", event.at),
          made("b", "", event.word),
          made("span", "dim", percent(event.probability)),
        ];
        const item = made("li", data.audio ? "" : "plain");
        if (!data.audio) {
          item.append(...parts);
          return item;
        }
        const button = made("button");
        button.type = "button";
        button.title = words.play;
        button.setAttribute("aria-label", `${words.play}: ${event.at} ${event.word}`);
        button.append(...parts);
        button.onclick = () => play(event.time_s);
        item.append(button);
        return item;
      }),
    );
  }

  // ---- live ----

  function drawMeters() {
    const live = data.live;
    const shown = Boolean(live?.level_text);
    const caption = root.querySelector(".caption");
    for (const part of [root.querySelector(".meters"), root.querySelector("canvas"), caption]) {
      part.hidden = !shown;
    }
    if (!shown) return;
    root.querySelector(".label").textContent = words.level;
    const meter = root.querySelector(".meter");
    const part = live.level_db === null ? 0 : 1 - live.level_db / FAINTEST_DB;
    meter.querySelector("i").style.transform = `scaleX(${Math.min(1, Math.max(0, part))})`;
    meter.classList.toggle("clipping", live.clipping);
    root.querySelector(".value").textContent = live.level_text;
    caption.textContent = live.caption;
    if (live.spectrogram) drawSpectrogram(live.spectrogram);
  }

  function drawSpectrogram({ at, bands, columns }) {
    const canvas = root.querySelector("canvas");
    canvas.setAttribute("aria-label", words.spectrogram);
    const bytes = Uint8Array.from(atob(columns), (letter) => letter.charCodeAt(0));
    const count = bytes.length / bands;
    if (canvas.height !== bands) {
      canvas.width = 430;
      canvas.height = bands;
      state.columnsAt = 0;
    }
    if (at < state.columnsAt) state.columnsAt = 0; // another connection
    const fresh = Math.min(count, at - state.columnsAt, canvas.width);
    if (fresh <= 0) return;
    const context = canvas.getContext("2d");
    context.drawImage(canvas, -fresh, 0);
    const image = context.createImageData(fresh, bands);
    for (let column = 0; column < fresh; column += 1) {
      for (let band = 0; band < bands; band += 1) {
        const value = bytes[(count - fresh + column) * bands + band];
        const place = ((bands - 1 - band) * fresh + column) * 4;
        image.data.set(state.colours.subarray(value * 4, value * 4 + 4), place);
      }
    }
    context.putImageData(image, canvas.width - fresh, 0);
    state.columnsAt = at;
  }

  function lightFresh() {
    for (const event of events) {
      if (event.serial > state.seen && event.age_s < FRESH_S) {
        light(event.word);
        root.querySelector(".hidden").textContent = event.word;
      }
      state.seen = Math.max(state.seen, event.serial);
    }
  }

  // ---- a recording that is played ----

  function player() {
    return data.audio ? document.querySelector(`.st-key-${data.audio} audio`) : null;
  }

  function play(time_s) {
    const audio = player();
    if (!audio) return;
    audio.currentTime = Math.max(0, time_s - LEAD_S);
    state.played = audio.currentTime;
    audio.play();
  }

  function follow() {
    const audio = player();
    if (audio && !audio.paused) {
      for (const event of state.data.events) {
        if (event.time_s > state.played && event.time_s <= audio.currentTime) light(event.word);
      }
    }
    if (audio) state.played = audio.currentTime;
    state.frame = state.data.audio ? requestAnimationFrame(follow) : 0;
  }

  drawTiles();
  drawMeters();
  drawLog();
  if (data.live) lightFresh();
  if (data.audio && !state.frame) state.frame = requestAnimationFrame(follow);

  return () => {
    cancelAnimationFrame(state.frame);
    state.frame = 0;
  };
}
