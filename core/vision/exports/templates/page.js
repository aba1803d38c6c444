// The page: decode a picture, resize it as Teachdeck does, ask the model, show the answer.

const TFJS = {{tfjs}};
const TEXTS = {
  en: {
    lead: 'Choose pictures, drop them anywhere on this page, or use the camera.',
    choose: 'Choose pictures', camera: 'Use the camera', stop: 'Stop the camera',
    loading: 'Getting ready …', ready: 'Ready.', working: 'Looking …',
    none: 'None of these', threshold: '“None of these” when less familiar than',
    private: 'Everything is computed in this browser. Pictures do not leave this computer.',
    checked: (difference, backend) =>
      `Checked at start: the same answers as in Teachdeck, within ${difference} (${backend}).`,
    differs: (difference) =>
      `This browser computes other answers than Teachdeck: a probability differs by ${difference}. Try another browser.`,
    noLibrary: 'TensorFlow.js could not be loaded. Put tf.min.js (from the npm package @tensorflow/tfjs, dist/tf.min.js) beside this page, or connect to the internet, and open the page again.',
    noPicture: (name) => `${name} is no picture that this browser can read. Choose a JPEG, PNG, WebP, GIF or BMP file.`,
    noCamera: 'The camera cannot be used. Allow it for this page, close other programs that use it, or choose a picture.',
    broken: (detail) => `The model cannot be used in this browser: ${detail}`,
  },
  zh: {
    lead: '选择图片，把图片拖到本页任意位置，或使用摄像头。',
    choose: '选择图片', camera: '使用摄像头', stop: '停止摄像头',
    loading: '正在准备……', ready: '准备就绪。', working: '正在识别……',
    none: '都不是', threshold: '熟悉程度低于此值即“都不是”',
    private: '所有计算都在本浏览器中进行，图片不会离开这台电脑。',
    checked: (difference, backend) => `启动时已检查：与 Teachdeck 的答案一致，相差不超过 ${difference}（${backend}）。`,
    differs: (difference) => `此浏览器算出的答案与 Teachdeck 不同：某个概率相差 ${difference}。请换一个浏览器。`,
    noLibrary: '无法加载 TensorFlow.js。请把 tf.min.js（npm 包 @tensorflow/tfjs 中的 dist/tf.min.js）放在本页旁边，或连接互联网，然后重新打开本页。',
    noPicture: (name) => `此浏览器无法读取图片 ${name}。请选择 JPEG、PNG、WebP、GIF 或 BMP 文件。`,
    noCamera: '无法使用摄像头。请允许本页使用它，关闭占用它的其他程序，或选择一张图片。',
    broken: (detail) => `此浏览器无法使用该模型：${detail}`,
  },
};
const ALLOWED_DIFFERENCE = 0.001;
const MAX_FILES = 200;

const $ = (id) => document.getElementById(id);
const contract = JSON.parse($('contract').textContent);
const rule = contract.preprocessing;
let language = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
const familiar = JSON.parse($('familiar').textContent);
const centre = familiar && floats(familiar.centre);
const references = familiar && floats(familiar.references);
let threshold = contract.rejection.threshold ?? -1;
let model = null;
let stream = null;
let shown = null; // the answer that is on the page: {probabilities, familiarity}
let status = ['loading'];
let checked = null;

function floats(base64) {
  const letters = atob(base64);
  return new Float32Array(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)).buffer);
}

function text(key, ...values) {
  const entry = TEXTS[language][key];
  return typeof entry === 'function' ? entry(...values) : entry;
}

function say(key, ...values) {
  status = [key, ...values];
  $('status').textContent = text(...status);
  $('status').className = /^(no|broken|differs)/.test(key) && key !== 'none' ? 'bad' : '';
}

function translate() {
  document.documentElement.lang = language;
  document.title = contract.name;
  $('name').textContent = contract.name;
  for (const element of document.querySelectorAll('[data-text]')) {
    element.textContent = text(element.dataset.text);
  }
  $('language').textContent = language === 'en' ? '中文' : 'English';
  $('language').lang = language === 'en' ? 'zh' : 'en';
  $('camera').textContent = text(stream ? 'stop' : 'camera');
  say(...status);
  $('checked').textContent = checked ? text('checked', ...checked) : '';
  if (shown) show(shown);
}

function share(probability) {
  return new Intl.NumberFormat(language, {style: 'percent', minimumFractionDigits: 1,
    maximumFractionDigits: 1}).format(probability);
}

function answerOf({probabilities, familiarity}) {
  if (familiarity < threshold) return text('none');
  return contract.labels[probabilities.indexOf(Math.max(...probabilities))];
}

/** Returns how like the nearest taught sample a picture is: a cosine, 1 at most. */
function similarity(features) {
  const size = centre.length;
  const offset = features.map((value, index) => value - centre[index]);
  const length = Math.max(Math.hypot(...offset), 1e-12);
  let best = -1;
  for (let start = 0; start < references.length; start += size) {
    let product = 0;
    for (let k = 0; k < size; k++) product += references[start + k] * offset[k];
    best = Math.max(best, product / length);
  }
  return best;
}

function show(answer) {
  const {probabilities} = answer;
  shown = answer;
  $('result').hidden = false;
  $('result').dataset.familiarity = answer.familiarity;
  $('result').classList.toggle('rejected', answer.familiarity < threshold);
  $('answer').textContent = answerOf(answer);
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  $('scores').replaceChildren(...order.map((index) => {
    const row = document.createElement('li');
    row.dataset.index = index;
    row.dataset.probability = probabilities[index];
    for (const part of ['label', 'share', 'track']) {
      const element = document.createElement(part === 'track' ? 'div' : 'span');
      element.className = part;
      row.append(element);
    }
    row.children[0].textContent = contract.labels[index];
    row.children[1].textContent = share(probabilities[index]);
    const bar = document.createElement('div');
    bar.className = 'bar';
    bar.style.width = `${100 * probabilities[index]}%`;
    row.children[2].append(bar);
    return row;
  }));
  $('limit-value').textContent = threshold.toFixed(2);
}

/** Returns a file's pixels the right way up, over white, colour profiles ignored. */
async function decode(file) {
  const options = {imageOrientation: 'from-image', colorSpaceConversion: 'none', premultiplyAlpha: 'none'};
  const bitmap = await createImageBitmap(file, options).catch(() => createImageBitmap(file));
  try {
    return pixelsOf(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

function pixelsOf(source, width, height) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

function predict(picture) {
  return ask(seenByNetwork(picture, rule, contract.reduce_to_px));
}

/** Returns the probabilities, and how familiar they are, for bytes R, G, B of the network's size. */
async function ask(pixels) {
  const size = rule.input_size_px;
  const outputs = tf.tidy(() => {
    const made = model.predict(tf.tensor(Float32Array.from(pixels), [1, size, size, 3]));
    return Array.isArray(made) ? made : [made];
  });
  try {
    const [probabilities, features] = await Promise.all(outputs.map(async (o) => [...await o.data()]));
    const familiarity = features ? similarity(features) : Math.max(...probabilities);
    return {probabilities, familiarity};
  } finally {
    tf.dispose(outputs);
  }
}

async function lookAt(files) {
  if (stream) stopCamera();
  $('files').replaceChildren();
  for (const [index, file] of [...files].slice(0, MAX_FILES).entries()) {
    say('working');
    try {
      const picture = await decode(file).catch(() => null);
      if (!picture) {
        list(file.name, '–');
        say('noPicture', file.name);
        continue;
      }
      const answer = await predict(picture);
      if (index === 0) {
        URL.revokeObjectURL($('picture').src);
        $('picture').src = URL.createObjectURL(file);
        $('picture').hidden = false;
        $('picture').dataset.name = file.name;
        show(answer);
      }
      if (files.length > 1) {
        list(file.name, answer.familiarity < threshold
          ? text('none') : `${answerOf(answer)} · ${share(Math.max(...answer.probabilities))}`);
      }
      say('ready');
    } catch (error) {
      say('broken', String(error.message ?? error));
    }
  }
}

function list(name, answer) {
  const row = document.createElement('li');
  row.append(document.createElement('span'), document.createElement('span'));
  row.children[0].textContent = name;
  row.children[1].textContent = answer;
  $('files').append(row);
}

async function startCamera() {
  const video = $('video');
  try {
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}});
    video.srcObject = stream;
    await video.play();
  } catch {
    stopCamera();
    say('noCamera');
    return;
  }
  $('picture').hidden = true;
  video.hidden = false;
  say('ready');
  translate();
  while (stream && video.srcObject) {
    if (video.videoWidth) {
      const answer = await predict(pixelsOf(video, video.videoWidth, video.videoHeight));
      if (stream) show(answer);
    }
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}

function stopCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  $('video').srcObject = null;
  $('video').hidden = true;
  $('camera').textContent = text('camera');
}

function loadScript(source, integrity) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    if (integrity) {
      script.integrity = integrity;
      script.crossOrigin = 'anonymous';
    }
    script.src = source;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

function weightBytes() {
  const decoded = atob($('weights').textContent.trim());
  const bytes = new Uint8Array(decoded.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = decoded.charCodeAt(i);
  $('weights').textContent = '';
  return bytes.buffer;
}

/** Returns Teachdeck's drawn picture 0, whose answer is in the contract. */
function goldenPicture() {
  const size = rule.input_size_px, pixels = new Uint8Array(size * size * 3);
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const wave = (x * 3 + y * (5 + 2 * channel)) % 256;
        const noise = (x * 40503 + y * 30011 + channel * 7919 + x * y * 13) % 256;
        pixels[at++] = ((x >> 4) + (y >> 4)) % 2 === 0 ? wave : noise;
      }
    }
  }
  return pixels;
}

async function differenceFromTeachdeck() {
  const expected = contract.golden[0].probabilities;
  const {probabilities} = await ask(goldenPicture());
  return Math.max(...expected.map((value, index) => Math.abs(value - probabilities[index])));
}

async function start() {
  translate();
  if (!window.tf) {
    await loadScript('tf.min.js').catch(() => loadScript(TFJS.url, TFJS.integrity)).catch(() => {});
  }
  if (!window.tf) return say('noLibrary');
  try {
    const {modelTopology, weightSpecs} = JSON.parse($('topology').textContent);
    const artifacts = {modelTopology, weightSpecs, weightData: weightBytes()};
    await tf.ready();
    let difference = Infinity;
    // A graphics processor that computes in half precision is found out here.
    for (const backend of new Set([tf.getBackend(), 'cpu'])) {
      await tf.setBackend(backend);
      model = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
      difference = await differenceFromTeachdeck();
      if (difference <= ALLOWED_DIFFERENCE) break;
      model.dispose();
    }
    if (!(difference <= ALLOWED_DIFFERENCE)) return say('differs', difference.toPrecision(2));
    checked = [difference.toExponential(0), tf.getBackend()];
  } catch (error) {
    return say('broken', String(error.message ?? error));
  }
  $('choose').disabled = $('camera').disabled = false;
  say('ready');
  translate();
}

$('limit').hidden = contract.rejection.threshold === null;
$('threshold').min = familiar ? -1 : 0;
$('threshold').value = threshold;
$('threshold').addEventListener('input', (event) => {
  threshold = Number(event.target.value);
  if (shown) show(shown);
});
$('language').addEventListener('click', () => {
  language = language === 'en' ? 'zh' : 'en';
  translate();
});
$('choose').addEventListener('click', () => $('file').click());
$('file').addEventListener('change', async (event) => {
  const files = [...event.target.files];
  event.target.value = '';
  if (model && files.length) await lookAt(files);
});
$('camera').addEventListener('click', () => (stream ? stopCamera() : startCamera()));
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('over');
});
addEventListener('dragleave', () => document.body.classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('over');
  if (model && event.dataTransfer.files.length) lookAt([...event.dataTransfer.files]);
});
addEventListener('paste', (event) => {
  if (model && event.clipboardData.files.length) lookAt([...event.clipboardData.files]);
});
start();
