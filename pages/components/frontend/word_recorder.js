// A button and a key for each word: a countdown, then the word's second. The sound itself goes
// to the server over WebRTC all the time; from here it learns only when the second was.

const COUNTS = 3;
const COUNT_MS = 450;
const TAIL_MS = 550; // a word may end late, and sound takes a moment to the server
const ROUND = 2 * Math.PI * 18;

function made(tag, name, text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector(".recorder");
  const state = (root.state ??= {
    run: null, unheard: [], serial: Date.now(), late_ms: Infinity, ordered: data.order?.serial ?? 0, order: "", frame: 0,
    said: null,
  });
  state.data = data;
  state.unheard = state.unheard.filter((event) => event.serial > data.heard);
  // How far this clock is before the server's: the message that came fastest tells best.
  if (data.now_ms !== state.told_ms) {
    state.told_ms = data.now_ms;
    state.late_ms = Math.min(state.late_ms, Date.now() - data.now_ms);
  }

  const now = root.querySelector(".now");
  const part = root.querySelector(".part");
  const number = root.querySelector(".number");
  const title = root.querySelector(".says b");
  const hint = root.querySelector(".says span");
  const stop = root.querySelector(".stop");

  function show(kind, share, big, first, second) {
    if (now.dataset.kind !== kind) {
      now.dataset.kind = kind;
      now.className = `now ${kind}`;
    }
    part.style.visibility = share > 0 ? "visible" : "hidden";
    part.style.strokeDasharray = `${ROUND * share} ${ROUND}`;
    if (number.textContent !== big) number.textContent = big;
    if (title.textContent !== first) title.textContent = first;
    if (hint.textContent !== second) hint.textContent = second;
    stop.hidden = kind !== "recording" || state.run.record_ms < 2000;
  }

  function send(run, ended_ms) {
    state.unheard.push({
      serial: ++state.serial,
      label: run.label,
      replaces: run.replaces,
      began_ms: run.speak_ms - state.late_ms,
      length_ms: ended_ms - run.speak_ms,
    });
    setTriggerValue("takes", [...state.unheard]);
  }

  function tick() {
    const { data, run } = state;
    state.frame = 0;
    const words = data.words;
    if (!run) {
      const said = state.said ?? { title: words.idle, hint: words.idle_hint };
      if (data.on) show("idle", 0, "", said.title, said.hint);
      else show("off", 0, "", words.off, words.off_hint);
      return;
    }
    if (!data.on) {
      state.run = null;
      draw();
      return;
    }
    const at = Date.now();
    const until = run.speak_ms - at;
    const length = run.record_ms;
    if (until > 0) {
      const left = Math.ceil(until / COUNT_MS);
      show("counting", until / (COUNTS * COUNT_MS), String(left), run.name, words.ready);
    } else if (-until < length && !run.ended_ms) {
      const seconds = ((length + until) / 1000).toFixed(length > 2000 ? 0 : 1);
      show("recording", -until / length, " ", run.noise ? words.quiet : `${words.speak} ${run.name}`,
        words.left.replace("{seconds}", seconds));
    } else {
      run.ended_ms ??= run.speak_ms + length;
      show("saving", 1, "…", run.name, words.saving);
      if (at - run.ended_ms >= TAIL_MS) {
        state.said = { title: run.name, hint: words.done };
        state.run = null;
        send(run, run.ended_ms);
        draw();
        return;
      }
    }
    state.frame = requestAnimationFrame(tick);
  }

  function begin(word, replaces = "") {
    if (!state.data.on) return;
    if (state.run && !state.run.ended_ms) {
      const same = state.run.label === word.label;
      state.run = null; // a second press takes it back
      if (same) {
        state.said = null;
        draw();
        return;
      }
    } else if (state.run) {
      send(state.run, state.run.ended_ms);
    }
    state.run = {
      label: word.label, name: word.name, noise: word.noise, replaces,
      record_ms: word.record_ms, speak_ms: Date.now() + COUNTS * COUNT_MS, ended_ms: null,
    };
    draw();
  }

  function draw() {
    const { data, run } = state;
    const order = JSON.stringify([data.takes_for, data.on, run?.label]);
    if (order !== state.order) {
      state.order = order;
      const list = root.querySelector(".buttons");
      const focused = list.getRootNode().activeElement?.dataset?.label;
      list.replaceChildren(...data.takes_for.map((word) => {
        const button = made("button", run?.label === word.label ? "active" : "");
        button.type = "button";
        button.dataset.label = word.label;
        button.disabled = !data.on;
        button.title = data.words.record.replace("{word}", word.name);
        button.setAttribute("aria-label", button.title);
        if (word.key) button.setAttribute("aria-keyshortcuts", word.key);
        button.append(made("span", "dot"), made("span", "name", word.name));
        button.append(made("span", "count", String(word.count)));
        if (word.key) button.append(made("kbd", "", word.key));
        button.onclick = () => begin(word);
        return button;
      }));
      if (focused) list.querySelector(`[data-label="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
    if (!state.frame) state.frame = requestAnimationFrame(tick);
  }

  function pressed(event) {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const into = event.composedPath()[0];
    if (into?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(into?.tagName ?? "")) return;
    if (event.key === "Escape" && state.run && !state.run.ended_ms) {
      state.run = null;
      draw();
      return;
    }
    const word = state.data.takes_for.find((entry) => entry.key === event.key);
    if (!word || !state.data.on) return;
    event.preventDefault();
    begin(word);
  }

  stop.textContent = data.words.stop;
  stop.onclick = () => {
    if (state.run && !state.run.ended_ms) state.run.ended_ms = Date.now();
  };
  if (state.pressed) document.removeEventListener("keydown", state.pressed);
  state.pressed = pressed;
  document.addEventListener("keydown", pressed);
  if (data.on && !state.on && document.activeElement?.tagName === "IFRAME") {
    // The button that started the microphone lives in a frame, which would keep the keys.
    document.activeElement.blur();
    window.focus();
  }
  state.on = data.on;
  const order = data.order;
  if (order && order.serial > state.ordered) {
    state.ordered = order.serial;
    const word = data.takes_for.find((entry) => entry.label === order.label);
    if (word) begin(word, order.replaces);
  }
  draw();

  return () => {
    document.removeEventListener("keydown", state.pressed);
    cancelAnimationFrame(state.frame);
    state.frame = 0;
  };
}
