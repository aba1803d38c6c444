// A camera that takes many pictures while a button is held, or one after another as the server
// can take them. Nothing is switched on before the visitor asks.

const RATE_MS = 200;
const SHORTER_SIDE_PX = 320;
const MOST_A_BURST = 60;

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector(".camera");
  const state = (root.state ??= { stream: null, taken: [], timer: null, serial: Date.now(), sent: 0 });
  const words = data.words;
  state.live = data.live;

  function made(tag, attributes = {}, text = "") {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.textContent = text;
    return element;
  }

  function frame() {
    const video = root.querySelector("video");
    if (!video || !video.videoWidth) return null;
    const scale = Math.min(1, SHORTER_SIDE_PX / Math.min(video.videoWidth, video.videoHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.9);
  }

  function send(pictures) {
    state.serial += 1;
    state.sent = state.serial;
    setTriggerValue("pictures", { serial: state.serial, pictures });
  }

  function count() {
    const counter = root.querySelector(".counter");
    if (counter) counter.textContent = state.taken.length ? `${state.taken.length}` : "";
  }

  function take() {
    const picture = frame();
    if (picture && state.taken.length < MOST_A_BURST) state.taken.push(picture);
    count();
  }

  function press() {
    if (state.timer !== null) return;
    state.taken = [];
    take();
    state.timer = setInterval(take, RATE_MS);
    root.querySelector(".hold").setAttribute("aria-pressed", "true");
  }

  function release() {
    if (state.timer === null) return;
    clearInterval(state.timer);
    state.timer = null;
    root.querySelector(".hold")?.setAttribute("aria-pressed", "false");
    if (state.taken.length) send(state.taken);
    state.taken = [];
    count();
  }

  function stop() {
    if (state.timer !== null) clearInterval(state.timer);
    clearTimeout(state.next);
    state.timer = null;
    for (const track of state.stream?.getTracks() ?? []) track.stop();
    state.stream = null;
  }

  async function start() {
    if (!navigator.mediaDevices?.getUserMedia) return show(words.insecure);
    try {
      state.stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 640 }, height: { ideal: 480 } },
      });
    } catch (error) {
      return show(error.name === "NotAllowedError" ? words.denied : words.missing);
    }
    if (!root.isConnected) return stop();
    show();
  }

  function follow() {
    // The next picture goes when the last one was answered, so that a slow server is not flooded.
    clearTimeout(state.next);
    if (!state.live || !state.stream) return;
    const waited = Date.now() - (state.asked ?? 0);
    if (state.sent <= data.heard || waited > 3000) {
      const picture = frame();
      if (picture) {
        state.asked = Date.now();
        send([picture]);
        return;
      }
    }
    state.next = setTimeout(follow, 150);
  }

  function show(problem = "") {
    const focused = root.getRootNode().activeElement?.className;
    root.replaceChildren();
    if (problem) root.append(made("p", { class: "problem", role: "alert" }, problem));
    if (!state.stream) {
      root.append(made("button", { type: "button", class: "start", onclick: start }, words.start));
    } else {
      const video = made("video", { autoplay: "", playsinline: "", "aria-label": words.picture });
      video.muted = true;
      video.srcObject = state.stream;
      root.append(video);
      const row = made("div", { class: "row" });
      if (!state.live) {
        const hold = made("button", { type: "button", class: "hold", "aria-pressed": "false" }, words.hold);
        hold.onpointerdown = (event) => { hold.setPointerCapture(event.pointerId); press(); };
        hold.onpointerup = hold.onpointercancel = release;
        hold.oncontextmenu = (event) => event.preventDefault();
        hold.onkeydown = (event) => {
          if (event.key === " " || event.key === "Enter") { event.preventDefault(); press(); }
        };
        hold.onkeyup = hold.onblur = release;
        row.append(hold, made("span", { class: "counter", role: "status" }));
      } else {
        video.onplaying = follow;
      }
      row.append(made("button", { type: "button", class: "stop", onclick: () => { stop(); show(); } }, words.stop));
      root.append(row);
    }
    if (focused) root.querySelector(`.${focused}`)?.focus();
  }

  const drawn = JSON.stringify([words, state.live, Boolean(state.stream)]);
  if (state.drawn !== drawn || !root.children.length) show();
  state.drawn = JSON.stringify([words, state.live, Boolean(state.stream)]);
  if (state.live && state.stream) {
    clearTimeout(state.next);
    state.next = setTimeout(follow, 60);
  }
  return stop;
}
