// Runs the real @tensorflow-models/speech-commands on scripted sound and writes what it says.
//
//   node run_speech.mjs job.json results.json
//
// job.json: {model, metadata, features: {file, count}, columns: {file, count}, listens: [options]}
//   model     path of a model.json; the shards lie beside it
//   features  float32 [count, 43, 232, 1], normalised: for recognize()
//   columns   float32 [count, 1024], what getFloatFrequencyData gives tick by tick: for listen()
// results.json: {labels, params, shape, scores, embedding, listens: [[{tick, scores}]], errors}

import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const require = createRequire(import.meta.url);
const [jobPath, resultsPath] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobPath, 'utf8'));

// The library's microphone: an analyser whose columns are the script's, on a clock that the
// script turns.
let column = null;
let onTick = null;
class Analyser {
  getFloatFrequencyData(data) { data.set(column); }
  disconnect() {}
}
class Context {
  createMediaStreamSource() { return {connect() {}}; }
  createAnalyser() { return new Analyser(); }
  close() {}
}
globalThis.window = globalThis;
globalThis.AudioContext = Context;
Object.defineProperty(globalThis, 'navigator', {
  value: {mediaDevices: {getUserMedia: async () => ({getTracks: () => []})}},
  configurable: true,
});
const setRealInterval = globalThis.setInterval;

const tf = require('@tensorflow/tfjs');
const speech = require('@tensorflow-models/speech-commands/dist/speech-commands.js');
const {setWasmPaths} = require('@tensorflow/tfjs-backend-wasm');
const packages = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules');
setWasmPaths(`${packages}/@tensorflow/tfjs-backend-wasm/dist/`);
await tf.setBackend('wasm');
await tf.ready();

const json = JSON.parse(readFileSync(job.model, 'utf8'));
const folder = path.dirname(job.model);
const group = json.weightsManifest[0];
const bytes = Buffer.concat(group.paths.map((name) => readFileSync(path.join(folder, name))));
const artifacts = {
  modelTopology: json.modelTopology,
  weightSpecs: group.weights,
  weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
};
const metadata = JSON.parse(readFileSync(job.metadata, 'utf8'));
const recognizer = speech.create('BROWSER_FFT', null, artifacts, metadata);
await recognizer.ensureModelLoaded();

function floats({file}) {
  const content = readFileSync(file);
  return new Float32Array(
      content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength));
}

const errors = {};
async function tryOut(name, action) {
  try {
    await action();
    errors[name] = '';
  } catch (error) {
    errors[name] = String(error.message ?? error);
  }
}

const features = tf.tensor4d(floats(job.features), [job.features.count, 43, 232, 1]);
const answer = await recognizer.recognize(features, {includeEmbedding: true});
const embedding = Array.from(await answer.embedding.data());

await tryOut('length', () => recognizer.recognize(new Float32Array(9975)));
await tryOut('rank', () => recognizer.recognize(tf.zeros([43, 232, 1])));
await tryOut('shape', () => recognizer.recognize(tf.zeros([1, 42, 232, 1])));
await tryOut('stop', () => recognizer.stopListening());
await tryOut('threshold', () => recognizer.listen(() => {}, {probabilityThreshold: 1.1}));
await tryOut('overlap', () => recognizer.listen(() => {}, {overlapFactor: 1.5}));
await tryOut('suppression', () => recognizer.listen(() => {}, {suppressionTimeMillis: -1}));

const columns = floats(job.columns);
const listens = [];
for (const options of job.listens) {
  const events = [];
  let tick = 0;
  globalThis.setInterval = (action) => { onTick = action; return 1; };
  await recognizer.listen(async ({scores}) => {
    events.push({tick, scores: Array.from(scores)});
  }, options);
  globalThis.setInterval = setRealInterval;
  for (tick = 0; tick < job.columns.count; tick++) {
    column = columns.subarray(tick * 1024, (tick + 1) * 1024);
    // The library bound its method: awaiting it ends the tick before the next begins.
    await onTick();
  }
  if (listens.length === 0) {
    await tryOut('again', () => recognizer.listen(() => {}));
  }
  await recognizer.stopListening();
  listens.push(events);
}

writeFileSync(resultsPath, JSON.stringify({
  labels: recognizer.wordLabels(),
  params: recognizer.params(),
  shape: recognizer.modelInputShape(),
  scores: answer.scores.map((row) => Array.from(row)),
  embedding,
  listens,
  errors,
}));
