// Loads exports in Teachable Machine's own library, on TensorFlow.js 1.3.1, and predicts.
//
//   node run_teachable_machine.mjs jobs.json results.json
//
// jobs.json: [{id, folder, pixels, output}]
//   folder  model.json, weights.bin and metadata.json
//   pixels  raw RGBA bytes of one picture of the model's imageSize
// results.json: [{id, error} or {id, labels, imageSize, classes, predictions}]
//
// Node has no canvas. The stand-in below hands the library's own code the pixels where it would
// have drawn the picture: it is of the size that the library asks for, so nothing is resized.

import {readFileSync, writeFileSync} from 'node:fs';
import Module, {createRequire} from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

class Canvas {
  getContext() {
    return {
      drawImage: (image) => { this.image = image; },
      getImageData: () => this.image,
      scale() {},
    };
  }
}
globalThis.HTMLVideoElement = class {};
globalThis.HTMLCanvasElement = Canvas;
globalThis.document = {createElement: () => new Canvas()};

// The library asks for "@tensorflow/tfjs"; in this folder that name is today's release.
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolve.call(this, request === '@tensorflow/tfjs' ? 'tfjs-1.3.1' : request, ...rest);
};
const tf = require('tfjs-1.3.1');
const tmImage = require('@teachablemachine/image');

/** What loadFromFiles reads: a File has a name, and a FileReader reads it. */
globalThis.FileReader = class {
  readAsText(file) { queueMicrotask(() => this.onload({target: {result: file.content.toString('utf8')}})); }
  readAsArrayBuffer(file) {
    const bytes = Uint8Array.from(file.content);
    queueMicrotask(() => this.onload({target: {result: bytes.buffer}}));
  }
};

async function runJob({id, folder, pixels, size}) {
  const file = (name) => ({name, content: readFileSync(path.join(folder, name))});
  const metadata = new Blob([file('metadata.json').content]);
  const model = await tmImage.loadFromFiles(file('model.json'), file('weights.bin'), metadata);
  const image = {width: size, height: size, data: new Uint8ClampedArray(readFileSync(pixels))};
  const predictions = await model.predict(image);
  return {id, labels: model.getClassLabels(), classes: model.getTotalClasses(), predictions,
    imageSize: model.getMetadata().imageSize, version: tf.version_core};
}

const [jobsPath, resultsPath] = process.argv.slice(2);
const results = [];
for (const job of JSON.parse(readFileSync(jobsPath, 'utf8'))) {
  try {
    results.push(await runJob(job));
  } catch (error) {
    results.push({id: job.id, error: String(error?.stack ?? error)});
  }
}
writeFileSync(resultsPath, JSON.stringify(results));
