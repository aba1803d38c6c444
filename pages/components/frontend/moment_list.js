// What fired and what almost did. Text is only ever set as text: words are the visitor's.

function meter(score, threshold) {
  const drawn = made("span", "meter");
  const bar = made("i");
  bar.style.transform = `scaleX(${Math.min(1, score)})`;
  drawn.append(bar);
  if (threshold !== undefined) {
    const mark = made("b");
    mark.style.left = `calc(${100 * threshold}% - 1px)`;
    drawn.append(mark);
  }
  return drawn;
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector(".moments");
  const state = (root.state ??= { unheard: [], serial: Date.now(), rows: new Map(), played: null });
  state.unheard = state.unheard.filter((event) => event.serial > data.heard);
  const words = data.words;

  const send = (kind, fields) => {
    state.unheard.push({ serial: ++state.serial, kind, ...fields });
    setTriggerValue("events", [...state.unheard]);
  };

  function drawLevels() {
    const list = root.querySelector(".levels");
    const order = JSON.stringify(data.levels.map(([word]) => word));
    if (order !== state.levels) {
      state.levels = order;
      list.replaceChildren(...data.levels.map(([word]) => {
        const item = made("li");
        item.append(made("span", "", word), meter(0), made("span", "value"));
        return item;
      }));
    }
    list.hidden = !data.on;
    [...list.children].forEach((item, place) => {
      const score = data.levels[place][1];
      item.querySelector("i").style.transform = `scaleX(${score})`;
      item.querySelector(".value").textContent = percent(score);
    });
  }

  function drawRow(row) {
    const item = made("li");
    item.dataset.moment = row.serial;
    const top = made("div", "top");
    const play = made("button", "play", "▶");
    play.type = "button";
    play.title = words.play;
    play.setAttribute("aria-label", `${words.play}: ${row.word}`);
    play.onclick = () => send("play", { moment: row.serial });
    const chip = made("span", row.fired ? "chip fired" : "chip", row.fired ? words.fired : words.almost);
    top.append(play, made("strong", "", row.word), chip);
    const score = made("div", "score");
    score.append(meter(row.score, row.threshold), made("span", "dim", percent(row.score)),
      made("span", "dim ago"));
    item.append(top, score);
    const labels = made("div", "labels");
    if (row.label) {
      labels.append(made("span", "dim", `${words.was} ${row.label}`));
    } else {
      labels.append(made("span", "dim", words.was));
      for (const [label, name] of data.labels) {
        const button = made("button", "", name);
        button.type = "button";
        button.onclick = () => {
          labels.querySelectorAll("button").forEach((other) => { other.disabled = true; });
          send("label", { moment: row.serial, label });
        };
        labels.append(button);
      }
    }
    item.append(labels);
    return item;
  }

  // Rows are kept as they are while nothing about them changes: what is under the pointer stays.
  const choices = JSON.stringify(data.labels);
  if (choices !== state.choices) state.rows.clear();
  state.choices = choices;
  const kept = new Map();
  for (const row of data.rows) {
    const same = JSON.stringify([row.label, row.word]);
    const known = state.rows.get(row.serial);
    const item = known?.same === same ? known.item : drawRow(row);
    item.querySelector(".ago").textContent = row.ago;
    kept.set(row.serial, { same, item });
  }
  state.rows = kept;
  const list = root.querySelector(".rows");
  const items = [...kept.values()].map((entry) => entry.item);
  if (items.length !== list.children.length || items.some((item, at) => item !== list.children[at])) {
    list.replaceChildren(...items);
  }
  drawLevels();
  const none = root.querySelector(".none");
  none.textContent = words.none;
  none.hidden = data.on && items.length > 0;
  const played = data.played;
  // A page that is opened anew does not say again what was played before.
  if (played && state.played !== null && played.serial > state.played) {
    state.sound?.pause();
    state.sound = new Audio(played.url);
    state.sound.play().catch(() => {}); // the browser may forbid sound; there is nothing to mend
  }
  state.played = played?.serial ?? 0;
}
