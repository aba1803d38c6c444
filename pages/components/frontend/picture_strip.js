// A row of small pictures to choose one from.

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector(".strip");
  const focused = root.getRootNode().activeElement?.dataset?.id;
  root.setAttribute("aria-label", data.label);
  root.replaceChildren(...data.pictures.map((picture) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.id = picture.id;
    button.setAttribute("aria-pressed", String(picture.id === data.chosen));
    button.title = picture.title;
    const image = document.createElement("img");
    image.src = picture.src;
    image.alt = picture.title;
    button.append(image);
    if (picture.caption) {
      const caption = document.createElement("span");
      caption.textContent = picture.caption;
      button.append(caption);
    }
    button.onclick = () => setTriggerValue("choice", picture.id);
    return button;
  }));
  if (focused) root.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
