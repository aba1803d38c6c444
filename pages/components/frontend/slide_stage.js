// One large slide that fades into the next, with keys, buttons and full screen. The server decides
// which slide shows; pictures are asked for once and kept here, the nearest first.
// Text is only ever set as text, never as markup.

const AHEAD = 3;
const HEARD_MS = 2500;
const KEYS = {
  ArrowLeft: ["previous"],
  PageUp: ["previous"],
  ArrowRight: ["next"],
  PageDown: ["next"],
  Home: ["first"],
  End: ["last"],
};
const KEY_FIELDS = 'input:not([type="checkbox"]), textarea, select';
const PRESSABLE = 'button, a, summary, label, input, [role="button"], [role="tab"]';

// A field that has a use for the keys keeps them; what is pressed with space keeps space.
function isOthers(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches(KEY_FIELDS)) return true;
  return event.key === " " && target.closest(PRESSABLE) !== null;
}

export default function ({ parentElement, data: [data], setTriggerValue, setStateValue }) {
  const root = parentElement.querySelector(".show");
  const find = (selector) => root.querySelector(selector);
  const state = (root.state ??= {
    deck: "",
    pictures: new Map(),
    front: 0,
    shown: "",
    wanted: "",
    unheard: [],
    serial: Date.now(),
    heardSerial: data.heard_word ? data.heard_word.serial : 0,
    timer: 0,
  });
  state.data = data;
  const { words } = data;

  if (state.deck !== data.deck) {
    state.deck = data.deck;
    state.pictures.clear();
    state.wanted = "";
    state.shown = "";
  }
  for (const [place, source] of Object.entries(data.pictures)) {
    state.pictures.set(Number(place), `data:image/jpeg;base64,${source}`);
  }
  state.unheard = state.unheard.filter((command) => command.serial > data.heard_command);

  // What was sent and not yet heard is sent again with the next command: quick keys are not lost.
  function send(action, page = null) {
    state.unheard.push({ serial: ++state.serial, action, page });
    setTriggerValue("commands", [...state.unheard]);
  }
  state.send = send;

  function show() {
    const picture = state.pictures.get(data.index);
    const key = `${data.deck} ${data.index}`;
    find(".stage").classList.toggle("waiting", !picture);
    if (!picture || state.shown === key) return;
    state.shown = key;
    const sides = root.querySelectorAll(".stage img");
    state.front = 1 - state.front;
    const front = sides[state.front];
    front.src = picture;
    front.alt = data.alt;
    front.removeAttribute("aria-hidden");
    front.classList.add("front");
    const back = sides[1 - state.front];
    back.classList.remove("front");
    back.setAttribute("aria-hidden", "true");
  }

  function ask() {
    const missing = [];
    for (let step = 0; step < data.count && missing.length < AHEAD; step += 1) {
      for (const place of step ? [data.index + step, data.index - step] : [data.index]) {
        if (place >= 0 && place < data.count && !state.pictures.has(place)) missing.push(place);
      }
    }
    const wanted = JSON.stringify([data.deck, missing.slice(0, AHEAD)]);
    if (wanted !== state.wanted) {
      state.wanted = wanted;
      setStateValue("wanted", { deck: data.deck, places: missing.slice(0, AHEAD) });
    }
  }

  function say() {
    const heard = data.heard_word;
    const place = find(".heard");
    if (!heard || heard.serial <= state.heardSerial) return;
    state.heardSerial = heard.serial;
    place.querySelector("b").textContent = heard.word;
    place.querySelector("span").textContent = heard.note;
    place.classList.toggle("idle", !heard.moves);
    place.classList.add("on");
    clearTimeout(state.timer);
    state.timer = setTimeout(() => place.classList.remove("on"), HEARD_MS);
  }

  find(".page").textContent = data.page;
  find(".paused").hidden = !data.paused;
  find(".paused").textContent = words.paused;
  for (const [name, label] of Object.entries(words.buttons)) {
    const button = find(`[data-action="${name}"]`);
    button.title = label;
    button.setAttribute("aria-label", label);
    button.onclick = () => (name === "full" ? full() : send(name));
  }
  for (const name of ["first", "previous"]) find(`[data-action="${name}"]`).disabled = data.at_start;
  for (const name of ["last", "next"]) find(`[data-action="${name}"]`).disabled = data.at_end;

  function full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else root.requestFullscreen?.();
  }

  function press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isOthers(event)) return;
    const known = KEYS[event.key];
    if (known) state.send(...known);
    else if (event.key === " ") state.send(event.shiftKey ? "previous" : "next");
    else if (/^[1-9]$/.test(event.key)) state.send("go_to", Number(event.key));
    else if (event.key === "f") full();
    else return;
    event.preventDefault();
  }
  if (state.press) document.removeEventListener("keydown", state.press);
  state.press = press;
  document.addEventListener("keydown", press);

  show();
  ask();
  say();
  return () => {
    document.removeEventListener("keydown", state.press);
    clearTimeout(state.timer);
  };
}
