// What several components need. Text is only ever set as text: words are the visitor's.

function made(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}

function percent(part) {
  return `${Math.round(100 * part)} %`;
}

