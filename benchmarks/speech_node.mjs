// Times a speech model's predict in TensorFlow.js under Node, one window at a time.
//
//   node speech_node.mjs model.json windows.f32 count scores.f32
//
// Prints the median in milliseconds for the wasm backend.

import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const oracle = path.join(here, '..', 'tests', 'tfjs', 'package.json');
const require = createRequire(oracle);
const tf = require('@tensorflow/tfjs');
const {setWasmPaths} = require('@tensorflow/tfjs-backend-wasm');
const packages = path.join(path.dirname(oracle), 'node_modules');
setWasmPaths(`${packages}/@tensorflow/tfjs-backend-wasm/dist/`);
await tf.setBackend('wasm');
await tf.ready();

const [modelPath, windowsPath, count, scoresPath] = process.argv.slice(2);
const json = JSON.parse(readFileSync(modelPath, 'utf8'));
const group = json.weightsManifest[0];
const bytes = Buffer.concat(
    group.paths.map((name) => readFileSync(path.join(path.dirname(modelPath), name))));
const model = await tf.loadLayersModel(tf.io.fromMemory({
  modelTopology: json.modelTopology,
  weightSpecs: group.weights,
  weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
}));
const content = readFileSync(windowsPath);
const floats = new Float32Array(
    content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength));
const size = floats.length / Number(count);
const times = [];
const scores = [];
for (let round = 0; round < 3; round++) {
  for (let at = 0; at < Number(count); at++) {
    const started = performance.now();
    const input = tf.tensor4d(floats.subarray(at * size, (at + 1) * size), [1, 43, 232, 1]);
    const output = model.predict(input);
    const values = await output.data();
    tf.dispose([input, output]);
    if (round > 0) times.push(performance.now() - started);
    else scores.push(...values);
  }
}
writeFileSync(scoresPath, Buffer.from(Float32Array.from(scores).buffer));
times.sort((a, b) => a - b);
console.log(times[times.length >> 1]);
