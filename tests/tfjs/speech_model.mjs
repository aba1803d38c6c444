// Lets the real speech-commands library load our model, recognise, and learn on top of it.
//
//   node speech_model.mjs folder features.f32 count results.json [recognise]
//
// folder        holds model.json, its shards and metadata.json
// features.f32  count x 43 x 232 little-endian floats
// results.json  {words, shape, scores, params, transfer: {words, losses, trainable, names, correct}}
// recognise     leaves out the learning, for models without a second Dense layer

import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const require = createRequire(import.meta.url);
const here = path.dirname(fileURLToPath(import.meta.url));
const [folder, featuresPath, count, resultsPath, only] = process.argv.slice(2);

const tf = require('@tensorflow/tfjs');
const {setWasmPaths} = require('@tensorflow/tfjs-backend-wasm');
setWasmPaths(`${here}/node_modules/@tensorflow/tfjs-backend-wasm/dist/`);
const speechCommands = require('@tensorflow-models/speech-commands/dist/speech-commands.js');
await tf.setBackend('wasm');
await tf.ready();

function artifacts() {
  const json = JSON.parse(readFileSync(path.join(folder, 'model.json'), 'utf8'));
  const weightSpecs = json.weightsManifest.flatMap((group) => group.weights);
  const names = json.weightsManifest.flatMap((group) => group.paths);
  const bytes = Buffer.concat(names.map((name) => readFileSync(path.join(folder, name))));
  return {
    modelTopology: json.modelTopology,
    weightSpecs,
    weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
  };
}

const metadata = JSON.parse(readFileSync(path.join(folder, 'metadata.json'), 'utf8'));
const recognizer = speechCommands.create('BROWSER_FFT', null, artifacts(), metadata);
await recognizer.ensureModelLoaded();

const bytes = readFileSync(featuresPath);
const values = new Float32Array(
  bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const size = 43 * 232;
const scores = [];
for (let at = 0; at < Number(count); at += 1) {
  const result = await recognizer.recognize(values.slice(at * size, (at + 1) * size));
  scores.push(Array.from(result.scores));
}

// Two new words from half of the golden windows each: learning must run, and only in the head.
async function learn() {
  const transfer = recognizer.createTransfer('proof');
  const before = tf.tidy(() => recognizer.model.layers.flatMap(
    (layer) => layer.getWeights().map((weight) => weight.abs().sum().dataSync()[0])));
  const half = Math.floor(Number(count) / 2);
  const examples = [];
  for (let at = 0; at < 2 * half; at += 1) {
    const label = at < half ? 'first' : 'second';
    examples.push({label, spectrogram: {frameSize: 232, data: values.slice(at * size, (at + 1) * size)}});
  }
  transfer.dataset ??= new speechCommands.Dataset();
  for (const example of examples) transfer.dataset.addExample(example);
  transfer.collateTransferWords();
  const history = await transfer.train({epochs: 30, optimizer: tf.train.adam(0.01)});
  let correct = 0;
  for (const {label, spectrogram} of examples) {
    const input = tf.tensor4d(spectrogram.data, [1, 43, 232, 1]);
    const result = await transfer.recognize(input);
    const best = result.scores.indexOf(Math.max(...result.scores));
    correct += transfer.wordLabels()[best] === label ? 1 : 0;
    input.dispose();
  }
  const after = tf.tidy(() => recognizer.model.layers.flatMap(
    (layer) => layer.getWeights().map((weight) => weight.abs().sum().dataSync()[0])));
  return {
    words: transfer.wordLabels(),
    losses: history.history.loss,
    trainable: transfer.model.trainableWeights.map((weight) => weight.shape),
    untouched: before.every((value, at) => value === after[at]),
    correct,
    of: examples.length,
  };
}

writeFileSync(resultsPath, JSON.stringify({
  words: recognizer.wordLabels(),
  shape: recognizer.modelInputShape(),
  params: recognizer.params(),
  scores,
  transfer: only === 'recognise' ? null : await learn(),
}));
