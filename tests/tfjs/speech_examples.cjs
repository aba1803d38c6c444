// Reads a data.bin in the real library, says what it holds, and writes it again.
// Usage: node speech_examples.cjs data.bin again.bin
const fs = require("fs");
require("@tensorflow/tfjs");
const { Dataset } = require("@tensorflow-models/speech-commands/dist/dataset.js");

const [input, output] = process.argv.slice(2);
const bytes = fs.readFileSync(input);
const dataset = new Dataset(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const examples = {};
for (const label of dataset.getVocabulary()) {
  examples[label] = dataset.getExamples(label).map(({ example }) => ({
    frameSize: example.spectrogram.frameSize,
    sum: example.spectrogram.data.reduce((sum, value) => sum + value, 0),
    keyFrameIndex: example.spectrogram.keyFrameIndex ?? null,
    rateHz: example.rawAudio ? example.rawAudio.sampleRateHz : null,
    samples: example.rawAudio ? Array.from(example.rawAudio.data.slice(0, 3)) : null,
  }));
}
fs.writeFileSync(output, Buffer.from(dataset.serialize()));
process.stdout.write(JSON.stringify({ vocabulary: dataset.getVocabulary(), examples }));
