// The page: listen to the microphone or a file, ask the model every 0.1 s, show what was heard.

const TFJS = {{tfjs}};
const TEXTS = {
  en: {
    lead: 'Use the microphone and speak, or choose a recording; you can drop it on this page.',
    microphone: 'Listen', stop: 'Stop listening', choose: 'Choose a recording',
    scores: 'Scores now', events: 'Words heard', nothing: 'None yet.', threshold: 'Threshold',
    noise: 'Background noise', unknown: 'Other words',
    loading: 'Getting ready …', ready: 'Ready.', listening: 'Listening. Say one of the words.',
    working: (share) => `Listening to the recording: ${share}`,
    done: (name, count) => `${name}: ${count === 1 ? '1 word' : `${count} words`} heard.`,
    sure: (share, second) => `${share} sure, at ${second} s`,
    private: 'Everything is computed in this browser. Sound does not leave this computer.',
    checked: (difference, backend) =>
      `Checked at start: the same scores as in Teachdeck, within ${difference} (${backend}).`,
    differs: (difference) =>
      `This browser computes other scores than Teachdeck: one differs by ${difference}. Try another browser.`,
    noLibrary: 'TensorFlow.js could not be loaded. Put tf.min.js (from the npm package @tensorflow/tfjs, dist/tf.min.js) beside this page, or connect to the internet, and open the page again.',
    noSound: (name) => `${name} is no sound that this browser can read. Choose a WAV, MP3, OGG, M4A or FLAC file of up to 30 minutes.`,
    noMicrophone: 'The microphone cannot be used. Allow it for this page, close other programs that use it, or choose a recording.',
    broken: (detail) => `The model cannot be used in this browser: ${detail}`,
  },
  zh: {
    lead: '用麦克风说话，或选择一段录音；也可以把录音拖到本页。',
    microphone: '开始听', stop: '停止', choose: '选择录音',
    scores: '当前得分', events: '听到的词', nothing: '还没有。', threshold: '阈值',
    noise: '背景噪声', unknown: '其他词语',
    loading: '正在准备……', ready: '准备就绪。', listening: '正在听，请说出其中一个词。',
    working: (share) => `正在听录音：${share}`,
    done: (name, count) => `${name}：听到 ${count} 个词。`,
    sure: (share, second) => `把握 ${share}，第 ${second} 秒`,
    private: '所有计算都在本浏览器中进行，声音不会离开这台电脑。',
    checked: (difference, backend) => `启动时已检查：与 Teachdeck 的得分一致，相差不超过 ${difference}（${backend}）。`,
    differs: (difference) => `此浏览器算出的得分与 Teachdeck 不同：某个得分相差 ${difference}。请换一个浏览器。`,
    noLibrary: '无法加载 TensorFlow.js。请把 tf.min.js（npm 包 @tensorflow/tfjs 中的 dist/tf.min.js）放在本页旁边，或连接互联网，然后重新打开本页。',
    noSound: (name) => `此浏览器无法读取声音文件 ${name}。请选择 30 分钟以内的 WAV、MP3、OGG、M4A 或 FLAC 文件。`,
    noMicrophone: '无法使用麦克风。请允许本页使用它，关闭占用它的其他程序，或选择一段录音。',
    broken: (detail) => `此浏览器无法使用该模型：${detail}`,
  },
};
const ALLOWED_DIFFERENCE = 0.001;
const MAX_S = 30 * 60;
const BLOCK = 8192;
const MOST_STEPS = 4;
const QUICK_MS = 30;
// Behind the last sample the last word ends: half a second of quiet lets it be heard.
const TAIL_COLUMNS = 22;
const CAPTURE = `registerProcessor('capture', class extends AudioWorkletProcessor {
  process([input]) {
    if (!input.length) return true;
    const size = input[0].length;
    this.block ??= new Float32Array(2048);
    this.filled ??= 0;
    for (let n = 0; n < size; n++) {
      this.block[this.filled++] = input.reduce((sum, channel) => sum + channel[n], 0) / input.length;
    }
    if (this.filled + size > this.block.length) {
      this.port.postMessage(this.block.slice(0, this.filled));
      this.filled = 0;
    }
    return true;
  }
});`;

const $ = (id) => document.getElementById(id);
const contract = JSON.parse($('contract').textContent);
const rule = contract.front_end;
let language = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
let model = null;
let session = null; // what is listened to: {steps, decider, stop}
let shown = contract.labels.map(() => 0);
let last = null;
let status = ['loading'];
let checked = null;
let threshold = null; // for all words, once somebody moved the slider

function text(key, ...values) {
  const entry = TEXTS[language][key];
  return typeof entry === 'function' ? entry(...values) : entry;
}

function say(key, ...values) {
  status = [key, ...values];
  $('status').textContent = text(...status);
  $('status').className = /^(no|broken|differs)/.test(key) ? 'bad' : '';
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
  $('microphone').textContent = text(session?.stop ? 'stop' : 'microphone');
  say(...status);
  $('checked').textContent = checked ? text('checked', ...checked) : '';
  showScores(shown);
  showWord(last);
}

function share(probability) {
  return new Intl.NumberFormat(language, {style: 'percent', maximumFractionDigits: 0}).format(probability);
}

function nameOf(label) {
  if (contract.words.includes(label)) return label;
  return text(label === '_unknown_' ? 'unknown' : 'noise');
}

function makeRows() {
  $('scores').replaceChildren(...contract.labels.map((label) => {
    const row = document.createElement('li');
    row.classList.toggle('other', !contract.words.includes(label));
    for (const part of ['label', 'share', 'track']) {
      const element = document.createElement(part === 'track' ? 'div' : 'span');
      element.className = part;
      row.append(element);
    }
    row.children[2].append(document.createElement('div'));
    row.children[2].firstChild.className = 'bar';
    return row;
  }));
}

function showScores(scores) {
  shown = scores;
  scores.forEach((score, index) => {
    const row = $('scores').children[index];
    row.children[0].textContent = nameOf(contract.labels[index]);
    row.children[1].textContent = share(score);
    row.children[2].firstChild.style.width = `${100 * score}%`;
  });
}

function showWord(event) {
  last = event;
  $('word').textContent = event ? event.word : '–';
  $('sureness').textContent = event ? text('sure', share(event.probability), event.timeS.toFixed(1)) : '';
}

function heard(event) {
  showWord(event);
  const row = document.createElement('li');
  for (const content of [`${event.timeS.toFixed(1)} s`, event.word, share(event.probability)]) {
    const cell = document.createElement('span');
    cell.textContent = content;
    row.append(cell);
  }
  row.children[0].className = row.children[2].className = 'share';
  Object.assign(row.dataset, {time: event.timeS, word: event.word, probability: event.probability});
  $('events').prepend(row);
  while ($('events').children.length > 500) $('events').lastChild.remove();
  $('nothing').hidden = true;
  const {timeS, word, probability} = event;
  dispatchEvent(new CustomEvent('teachdeck-word', {detail: {timeS, word, probability}}));
}

function newSession() {
  $('events').replaceChildren();
  $('nothing').hidden = false;
  showWord(null);
  const decider = new Decider(contract);
  if (threshold !== null) decider.limits.fill(threshold);
  return {steps: new Steps(rule, contract.decision.step_s), decider, stop: null};
}

/** Returns the scores of one input of the network. */
async function ask(input) {
  // One at a time: a graphics processor makes ready for each number of inputs anew.
  const output = tf.tidy(() => model.predict(tf.tensor(input, [1, rule.frames, rule.bins, 1])));
  try {
    return await output.data();
  } finally {
    output.dispose();
  }
}

/** Scores a block of sound at the model's rate; tells `taken` of each step, shows words. */
async function listen(current, samples, taken) {
  let reached = current.steps.push(samples);
  // A computer that is too slow hears every word late, and then leaves out what is too late.
  if (current.stop) reached = reached.slice(-MOST_STEPS);
  for (const {timeS, input} of reached) {
    const scores = await ask(input);
    if (session !== current) return;
    const event = current.decider.push(timeS, scores);
    taken?.(timeS, scores);
    if (event) heard(event);
  }
  if (reached.length) showScores([...current.decider.smoothed]);
}

function showLevel(samples) {
  let squares = 0;
  for (const sample of samples) squares += sample * sample;
  const decibels = 10 * Math.log10(squares / Math.max(samples.length, 1) + 1e-12);
  $('level').firstElementChild.style.width = `${Math.min(100, Math.max(0, (decibels + 70) / 0.6))}%`;
}

async function startMicrophone() {
  const current = newSession();
  let stream = null, context = null, stopped = false;
  current.stop = () => {
    stopped = true;
    for (const track of stream?.getTracks() ?? []) track.stop();
    context?.close();
    session = null;
    showLevel([0]);
    say('ready');
    translate();
  };
  session?.stop?.();
  session = current;
  try {
    const audio = {echoCancellation: false, noiseSuppression: false, channelCount: 1};
    stream = await navigator.mediaDevices.getUserMedia({audio});
    // The device's own rate: not every browser lets a context have another.
    context = new AudioContext();
    await context.resume();
    const resampler = new Resampler(context.sampleRate, rule.rate_hz);
    let waiting = [], busy = false;
    const take = async (samples) => {
      waiting.push(resampler.push(samples));
      if (busy) return;
      busy = true;
      try {
        while (waiting.length && !stopped) {
          // Whatever else came meanwhile is taken in one go.
          await new Promise((resolve) => setTimeout(resolve));
          const block = joined(waiting);
          waiting = [];
          showLevel(block);
          await listen(current, block);
        }
      } catch (error) {
        current.stop();
        say('broken', String(error.message ?? error));
      } finally {
        busy = false;
      }
    };
    // A browser clears away nodes that nobody knows.
    current.nodes = await capture(context, context.createMediaStreamSource(stream), take);
  } catch {
    if (session === current) current.stop();
    return say('noMicrophone');
  }
  if (stopped) return current.stop();
  say('listening');
  translate();
}

function joined(blocks) {
  const all = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

/** Hands every block of one channel that a source gives to `take`; returns the nodes. */
async function capture(context, source, take) {
  const silent = new GainNode(context, {gain: 0});
  silent.connect(context.destination);
  let node;
  try {
    await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(CAPTURE)}`);
    node = new AudioWorkletNode(context, 'capture');
    node.port.onmessage = ({data}) => take(data);
  } catch {
    // Where a page on disk may not have a worklet.
    node = context.createScriptProcessor(2048, 1, 1);
    node.onaudioprocess = ({inputBuffer}) => take(inputBuffer.getChannelData(0).slice());
  }
  source.connect(node).connect(silent);
  return [source, node, silent];
}

/** Returns a file's sound at the model's rate, one channel, or null. */
async function decode(file) {
  const buffer = await file.arrayBuffer();
  const wav = readWav(buffer);
  if (wav) {
    if (!wav.samples.length || wav.samples.length > MAX_S * wav.rateHz) return null;
    const resampler = new Resampler(wav.rateHz, rule.rate_hz);
    const length = Math.round((wav.samples.length * rule.rate_hz) / wav.rateHz);
    return joined([resampler.push(wav.samples), resampler.flush()]).slice(0, length);
  }
  const decoded = await new OfflineAudioContext(1, 1, rule.rate_hz).decodeAudioData(buffer).catch(() => null);
  if (!decoded || decoded.duration > MAX_S) return null;
  const samples = new Float32Array(decoded.length);
  for (let channel = 0; channel < decoded.numberOfChannels; channel++) {
    decoded.getChannelData(channel).forEach((value, n) => (samples[n] += value / decoded.numberOfChannels));
  }
  return samples;
}

async function listenToFile(file) {
  session?.stop?.();
  const current = newSession();
  session = current;
  translate();
  say('working', share(0));
  const track = [];
  try {
    const samples = await decode(file);
    if (session !== current) return;
    if (!samples) {
      session = null;
      return say('noSound', file.name);
    }
    const {hop_length: hop} = rule;
    const tail = new Float32Array(((hop - (samples.length % hop)) % hop) + TAIL_COLUMNS * hop);
    for (let at = 0; at < samples.length; at += BLOCK) {
      await listen(current, samples.subarray(at, at + BLOCK), (timeS, scores) => track.push([timeS, ...scores]));
      say('working', share(at / samples.length));
      if (session !== current) return;
    }
    await listen(current, tail, (timeS, scores) => track.push([timeS, ...scores]));
    if (session !== current) return;
  } catch (error) {
    session = null;
    return say('broken', String(error.message ?? error));
  }
  session = null;
  // For programs that want more than the words: [seconds, score of each label].
  window.teachdeckTrack = track;
  say('done', file.name, $('events').children.length);
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

async function differenceFromTeachdeck() {
  const columns = new BrowserFft(rule).push(goldenSound(rule.frames * rule.hop_length));
  const scores = await ask(normalized(columns, rule.epsilon));
  return Math.max(...contract.golden[0].scores.map((value, index) => Math.abs(value - scores[index])));
}

async function start() {
  makeRows();
  translate();
  if (!window.tf) {
    await loadScript('tf.min.js').catch(() => loadScript(TFJS.url, TFJS.integrity)).catch(() => {});
  }
  if (!window.tf) return say('noLibrary');
  try {
    const {modelTopology, weightSpecs} = JSON.parse($('topology').textContent);
    const artifacts = {modelTopology, weightSpecs, weightData: weightBytes()};
    await tf.ready();
    let best = null, worst = 0;
    // A graphics processor that computes in half precision is found out here, and a slow one.
    for (const backend of new Set([tf.getBackend(), 'cpu'])) {
      await tf.setBackend(backend);
      model = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
      const difference = await differenceFromTeachdeck();
      const began = performance.now();
      for (let k = 0; k < 3; k++) await differenceFromTeachdeck();
      const took = (performance.now() - began) / 3;
      model.dispose();
      if (!(difference <= ALLOWED_DIFFERENCE)) worst = Math.max(worst, difference);
      else if (!best || took < best.took) best = {backend, difference, took};
      if (best?.took < QUICK_MS) break;
    }
    if (!best) return say('differs', worst.toPrecision(2));
    await tf.setBackend(best.backend);
    model = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
    checked = [best.difference.toExponential(0), best.backend];
  } catch (error) {
    return say('broken', String(error.message ?? error));
  }
  $('microphone').disabled = $('choose').disabled = false;
  say('ready');
  translate();
}

const {thresholds} = contract.decision;
const limits = contract.words.map((word) =>
  (Object.hasOwn(thresholds, word) ? thresholds[word] : contract.decision.threshold));
$('threshold').value = limits.reduce((sum, limit) => sum + limit, 0) / Math.max(limits.length, 1);
$('limit-value').textContent = Number($('threshold').value).toFixed(2);
$('threshold').addEventListener('input', (event) => {
  threshold = Number(event.target.value);
  $('limit-value').textContent = threshold.toFixed(2);
  session?.decider.limits.fill(threshold);
});
$('language').addEventListener('click', () => {
  language = language === 'en' ? 'zh' : 'en';
  translate();
});
$('microphone').addEventListener('click', () => (session?.stop ? session.stop() : startMicrophone()));
$('choose').addEventListener('click', () => $('file').click());
$('file').addEventListener('change', (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  if (model && file) listenToFile(file);
});
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('over');
});
addEventListener('dragleave', () => document.body.classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('over');
  if (model && event.dataTransfer.files.length) listenToFile(event.dataTransfer.files[0]);
});
start();
