// Loads layers models in the real TensorFlow.js and writes down what they predict.
//
//   node run_model.mjs release jobs.json results.json
//
// release: "4.22.0", or "1.3.1", the one below Teachable Machine's library (one a process:
//   the releases share global state)
// jobs.json: [{id, model, backend, inputs: [{file, shape, dtype}], output}]
//   model   path of a model.json; the shards lie beside it
//   backend "cpu" (every kernel) or "wasm" (fast)
//   inputs  raw little-endian files, in the order of the model's inputs
//   output  prefix of the raw float32 files that are written, one an output
// results.json: [{id, error} or {id, outputs: [{file, shape}], load_ms, predict_ms}]

import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const require = createRequire(import.meta.url);
const here = path.dirname(fileURLToPath(import.meta.url));
const releases = {'4.22.0': '@tensorflow/tfjs', '1.3.1': 'tfjs-1.3.1'};

/** A load handler: there is no file:// one without tfjs-node, which does not build everywhere. */
function fromFolder(modelPath) {
  return {
    async load() {
      const json = JSON.parse(readFileSync(modelPath, 'utf8'));
      const shards = [];
      const weightSpecs = [];
      for (const group of json.weightsManifest) {
        weightSpecs.push(...group.weights);
        for (const name of group.paths) {
          shards.push(readFileSync(path.join(path.dirname(modelPath), name)));
        }
      }
      const bytes = Buffer.concat(shards);
      return {
        modelTopology: json.modelTopology,
        weightSpecs,
        weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
        format: json.format,
        generatedBy: json.generatedBy,
        convertedBy: json.convertedBy,
        userDefinedMetadata: json.userDefinedMetadata,
      };
    },
  };
}

function readTensor(tf, {file, shape, dtype}) {
  const bytes = readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const values = dtype === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer);
  return tf.tensor(values, shape, dtype ?? 'float32');
}

async function runJob(tf, job) {
  const started = performance.now();
  const model = await tf.loadLayersModel(fromFolder(job.model));
  const loaded = performance.now();
  const inputs = job.inputs.map((input) => readTensor(tf, input));
  const predicted = model.predict(inputs.length === 1 ? inputs[0] : inputs);
  const tensors = Array.isArray(predicted) ? predicted : [predicted];
  const outputs = [];
  for (const [index, tensor] of tensors.entries()) {
    const values = Float32Array.from(await tensor.data());
    const file = `${job.output}${index}.f32`;
    writeFileSync(file, Buffer.from(values.buffer));
    outputs.push({file, shape: tensor.shape});
  }
  const finished = performance.now();
  tf.dispose([inputs, tensors]);
  model.dispose();
  return {id: job.id, outputs, load_ms: loaded - started, predict_ms: finished - loaded};
}

async function useBackend(tf, backend) {
  if (backend === 'wasm') {
    const {setWasmPaths} = require('@tensorflow/tfjs-backend-wasm');
    setWasmPaths(`${here}/node_modules/@tensorflow/tfjs-backend-wasm/dist/`);
  }
  await tf.setBackend(backend);
  await tf.ready();
}

const [release, jobsPath, resultsPath] = process.argv.slice(2);
const tf = require(releases[release]);
const results = [];
for (const job of JSON.parse(readFileSync(jobsPath, 'utf8'))) {
  try {
    await useBackend(tf, job.backend ?? 'cpu');
    results.push(await runJob(tf, job));
  } catch (error) {
    results.push({id: job.id, error: String(error?.message ?? error)});
  }
}
writeFileSync(resultsPath, JSON.stringify(results));
