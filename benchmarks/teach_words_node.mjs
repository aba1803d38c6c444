// Times the original library's transfer training under Node.
//
//   node teach_words_node.mjs folder data.bin epochs backend
//
// folder holds model.json, its shards and metadata.json; backend is wasm or cpu. Prints JSON:
// {seconds: [of each run], accuracy: [after each epoch of the last run]}.

import {readFileSync} from 'node:fs';
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
const speechCommands = require('@tensorflow-models/speech-commands/dist/speech-commands.js');

const [folder, examplesPath, epochs, backend] = process.argv.slice(2);
await tf.setBackend(backend);
await tf.ready();

const json = JSON.parse(readFileSync(path.join(folder, 'model.json'), 'utf8'));
const bytes = Buffer.concat(json.weightsManifest.flatMap((group) => group.paths).map(
    (name) => readFileSync(path.join(folder, name))));
const artifacts = {
  modelTopology: json.modelTopology,
  weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
  weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
};
const metadata = JSON.parse(readFileSync(path.join(folder, 'metadata.json'), 'utf8'));
const recognizer = speechCommands.create('BROWSER_FFT', null, artifacts, metadata);
await recognizer.ensureModelLoaded();

const examples = readFileSync(examplesPath);
const content =
    examples.buffer.slice(examples.byteOffset, examples.byteOffset + examples.byteLength);
const seconds = [];
let accuracy = [];
for (let run = 0; run < 2; run++) {
  const transfer = recognizer.createTransfer(`run-${run}`);
  transfer.loadExamples(content);
  const started = performance.now();
  const history = await transfer.train({epochs: Number(epochs)});
  seconds.push((performance.now() - started) / 1000);
  accuracy = history.history.acc;
}
console.log(JSON.stringify({seconds, accuracy}));
