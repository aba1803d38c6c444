// The words as tiles. Live: a tile turns green when its word is heard, and fades. For a
// recording: the same while it plays, and each event can be played. What has not changed is not
// drawn again: several listeners may share a small machine.

const HOLD_MS = 700;
const FADE_MS = 1400;
const FADE_STEPS = 10;
const FRESH_S = 2.5; // an older event, such as after a sleep, lights nothing
const RETRY_MS = [1000, 2000, 5000, 15000, 30000];
const LEAVE_MS = 500; // drawn again within this, the board has not left the page
const LEAD_S = 0.9; // playing an event begins so long before its end
const SHOWN = 40;
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
  return new Uint32Array(table.buffer); // one number a pixel, in the machine's order of bytes
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector(".board");
  const state = (root.state ??= {
    tiles: new Map(),
    order: "",
    seen: 0,
    listed: "",
    told: null, // what the channel has told; goes before what the page was given
    socket: null,
    failures: 0,
    columnsAt: 0,
    timers: new Map(),
    colours: colours(),
    played: 0,
    frame: 0,
  });
  const { words } = data;
  state.data = data;
  clearTimeout(state.leaving);

  function part(name) {
    return (state[name] ??= root.querySelector(name));
  }

  // Both leave the document alone where it is so already.
  function write(element, text) {
    if (element.written !== text) element.textContent = element.written = text;
  }

  function stretch(element, part) {
    const wide = `scaleX(${part})`;
    if (element.stretched !== wide) element.style.transform = element.stretched = wide;
  }

  function light(word) {
    const tile = state.tiles.get(word);
    if (!tile) return;
    tile.element.classList.remove("fading");
    tile.element.classList.add("on");
    later(word, HOLD_MS, () => {
      tile.element.classList.remove("on");
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      fade(tile.element, word, still ? 0 : FADE_STEPS - 1);
    });
  }

  function fade(element, word, left) {
    element.classList.toggle("fading", left > 0);
    if (!left) return;
    element.style.setProperty("--lit", `${Math.round(100 * (left / FADE_STEPS) ** 2)}%`);
    later(word, FADE_MS / FADE_STEPS, () => fade(element, word, left - 1));
  }

  function later(word, wait, action) {
    clearTimeout(state.timers.get(word));
    state.timers.set(word, setTimeout(action, wait));
  }

  function drawTiles() {
    const order = JSON.stringify(data.tiles.map((tile) => tile.word));
    if (order !== state.order) {
      state.order = order;
      state.tiles.clear();
      const list = part(".tiles");
      list.replaceChildren();
      for (const { word } of data.tiles) {
        const element = made("li", "tile");
        element.dataset.word = word;
        element.title = word;
        const tile = { element, score: made("div", "score"), bar: made("div", "bar") };
        tile.mark = made("div", "mark");
        element.append(made("div", "word", word), tile.score, tile.bar, tile.mark);
        list.append(element);
        state.tiles.set(word, tile);
      }
    }
    for (const { word, threshold } of data.tiles) {
      const tile = state.tiles.get(word);
      if (tile.threshold === threshold) continue;
      tile.threshold = threshold;
      tile.mark.hidden = threshold === null;
      tile.mark.style.left = `calc(${100 * (threshold ?? 0)}% - 2px)`;
    }
    for (const tile of data.tiles) if (!state.told) drawTile(tile);
    if (state.told) drawTold({ scores: true, counts: true });
  }

  function drawTile({ word, score, count, note }) {
    const tile = state.tiles.get(word);
    if (!tile) return;
    if (score !== undefined) {
      write(tile.score, note ?? percent(score));
      stretch(tile.bar, score);
    }
    if (count !== undefined && tile.found !== count > 0) {
      tile.found = count > 0;
      tile.element.classList.toggle("found", tile.found);
    }
  }

  function drawLog(events) {
    const log = part(".log");
    const newest = events.length ? events[events.length - 1].serial : 0;
    const shown = `${data.audio}/${data.run}/${newest}/${events.length}`;
    if (shown === state.listed) return;
    state.listed = shown;
    log.setAttribute("aria-label", words.log);
    log.replaceChildren(...(data.live ? events.slice(-SHOWN).reverse() : events).map(item));
  }

  function item(event) {
    const parts = [
      made("span", "dim", event.at),
      made("b", "", event.word),
      made("span", "dim", percent(event.probability)),
    ];
    const element = made("li", data.audio ? "" : "plain");
    if (!data.audio) {
      element.append(...parts);
      return element;
    }
    const button = made("button");
    button.type = "button";
    button.title = words.play;
    button.setAttribute("aria-label", `${words.play}: ${event.at} ${event.word}`);
    button.append(...parts);
    button.onclick = () => play(event.time_s);
    element.append(button);
    return element;
  }

  // ---- live ----

  function drawMeters(live) {
    const shown = Boolean(live?.level_text);
    if (state.metered !== shown) {
      state.metered = shown;
      for (const name of [".meters", "canvas", ".caption"]) part(name).hidden = !shown;
      write(part(".label"), words.level);
    }
    if (!shown) return;
    const loud = live.level_db === null ? 0 : 1 - live.level_db / FAINTEST_DB;
    stretch(part(".meter i"), Math.min(1, Math.max(0, loud)).toFixed(2));
    part(".meter").classList.toggle("clipping", live.clipping);
    write(part(".value"), live.level_text);
    write(part(".caption"), live.caption ?? "");
    if (live.spectrogram) drawSpectrogram(live.spectrogram);
  }

  function drawSpectrogram({ at, bands, columns }) {
    const canvas = part("canvas");
    const bytes = Uint8Array.from(atob(columns), (letter) => letter.charCodeAt(0));
    const count = bytes.length / bands;
    if (canvas.height !== bands) {
      canvas.width = 430;
      canvas.height = bands;
      canvas.setAttribute("aria-label", words.spectrogram);
      state.columnsAt = 0;
    }
    if (at < state.columnsAt) state.columnsAt = 0; // another connection
    const fresh = Math.min(count, at - state.columnsAt, canvas.width);
    if (fresh <= 0) return;
    const context = canvas.getContext("2d");
    context.drawImage(canvas, -fresh, 0);
    const image = context.createImageData(fresh, bands);
    const pixels = new Uint32Array(image.data.buffer);
    for (let column = 0; column < fresh; column += 1) {
      for (let band = 0; band < bands; band += 1) {
        const value = bytes[(count - fresh + column) * bands + band];
        pixels[(bands - 1 - band) * fresh + column] = state.colours[value];
      }
    }
    context.putImageData(image, canvas.width - fresh, 0);
    state.columnsAt = at;
  }

  function lightFresh(events) {
    for (const event of events) {
      if (event.serial > state.seen && event.age_s < FRESH_S) {
        light(event.word);
        part(".hidden").textContent = event.word;
      }
      state.seen = Math.max(state.seen, event.serial);
    }
  }

  // ---- the channel ----

  function connect() {
    if (state.socket) return;
    // A page's path is one name below where the app is served.
    const url = new URL(location.pathname.replace(/[^/]*\/?$/, "") + state.data.channel, location);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    state.socket = socket;
    socket.onmessage = ({ data: text }) => root.isConnected && state.hear(JSON.parse(text));
    socket.onclose = () => {
      if (state.socket !== socket) return;
      state.socket = null;
      const had = state.told;
      state.told = null;
      if (had) state.look(); // the page asks from now on
      const wait = RETRY_MS[Math.min(state.failures, RETRY_MS.length - 1)];
      state.failures += 1;
      state.retry = setTimeout(() => root.isConnected && state.connect(), wait);
    };
  }

  function disconnect() {
    clearTimeout(state.retry);
    const { socket } = state;
    state.socket = state.told = null;
    socket?.close();
  }

  function hear(changes) {
    state.told ??= { events: [] };
    state.failures = 0;
    const { told } = state;
    if (changes.events) {
      const before = changes.all_events ? [] : told.events;
      changes.events = [...before, ...changes.events].slice(-SHOWN);
    }
    Object.assign(told, changes);
    drawTold(changes);
    if (!changes.state) return;
    // What changed while the channel was broken is told by the next one's first word.
    const known = JSON.stringify(changes.state);
    if (state.known !== undefined && state.known !== known) state.look();
    state.known = known;
  }

  function drawTold(changes) {
    const { told } = state;
    if (changes.scores || changes.counts) {
      told.words?.forEach((word, at) => {
        drawTile({ word, score: told.scores?.[at], count: told.counts?.[at] });
      });
    }
    if (changes.events) {
      drawLog(told.events);
      lightFresh(changes.events);
    }
    if (changes.level || changes.caption || changes.spectrogram) {
      drawMeters({ ...told.level, caption: told.caption, spectrogram: changes.spectrogram });
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

  Object.assign(state, { connect, hear, look: () => setTriggerValue("look", Date.now()) });
  drawTiles();
  if (!state.told) {
    drawMeters(data.live);
    drawLog(data.events);
    if (data.live) lightFresh(data.events);
  }
  if (data.channel !== state.channel) {
    disconnect();
    state.channel = data.channel;
    if (data.channel) connect();
  }
  if (data.audio && !state.frame) state.frame = requestAnimationFrame(follow);

  return () => {
    cancelAnimationFrame(state.frame);
    state.frame = 0;
    state.leaving = setTimeout(() => {
      state.channel = "";
      disconnect();
    }, LEAVE_MS);
  };
}
