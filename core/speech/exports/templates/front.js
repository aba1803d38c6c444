// From sound to words, as Teachdeck computes them. Nothing here knows of a page.

/** The contract's front end over sound that arrives in blocks. */
class BrowserFft {
  constructor(rule) {
    this.rule = rule;
    this.length = 2 * rule.hop_length;
    this.window = Float64Array.from({length: this.length}, (_, n) => {
      const turn = (2 * Math.PI * n) / this.length;
      return (0.42 - 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn)) / this.length;
    });
    this.cos = Float64Array.from({length: this.length}, (_, n) => Math.cos((2 * Math.PI * n) / this.length));
    this.sin = Float64Array.from({length: this.length}, (_, n) => -Math.sin((2 * Math.PI * n) / this.length));
    this.floor = rule.floor_db ?? -Infinity;
    // The half window before the first sample is silence.
    this.kept = new Float32Array(rule.hop_length);
  }

  /** Takes samples and returns the columns of decibels that they complete. */
  push(samples) {
    const {hop_length: hop} = this.rule;
    const all = new Float32Array(this.kept.length + samples.length);
    all.set(this.kept);
    all.set(samples, this.kept.length);
    const count = Math.max(Math.floor(all.length / hop) - 1, 0), columns = [];
    for (let t = 0; t < count; t++) columns.push(this.column(all.subarray(t * hop, t * hop + this.length)));
    this.kept = all.slice(count * hop);
    return columns;
  }

  column(frame) {
    const powers = new Float64Array(this.rule.bins);
    const windowed = this.window.map((weight, n) => weight * frame[n]);
    if ((this.length & (this.length - 1)) === 0) this.fast(windowed, powers);
    else this.direct(windowed, powers);
    return Float32Array.from(powers, (power) =>
      Math.max(10 * Math.log10(Math.max(power, 2 ** -126)), this.floor));
  }

  /** Fourier transform of a length that is a power of two. */
  fast(values, powers) {
    const n = this.length, re = new Float64Array(n), im = new Float64Array(n);
    for (let i = 0, j = 0; i < n; i++) {
      re[j] = values[i];
      let bit = n >> 1;
      for (; bit && j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
    }
    for (let size = 2; size <= n; size *= 2) {
      const half = size / 2, stride = n / size;
      for (let start = 0; start < n; start += size) {
        for (let k = 0; k < half; k++) {
          const a = start + k, b = a + half, c = this.cos[k * stride], s = this.sin[k * stride];
          const x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
      }
    }
    for (let k = 0; k < powers.length; k++) powers[k] = re[k] ** 2 + im[k] ** 2;
  }

  /** Fourier transform of any other length, of the bins that are wanted. */
  direct(values, powers) {
    for (let k = 0; k < powers.length; k++) {
      let re = 0, im = 0;
      for (let n = 0, at = 0; n < this.length; n++, at = (at + k) % this.length) {
        re += values[n] * this.cos[at];
        im += values[n] * this.sin[at];
      }
      powers[k] = re ** 2 + im ** 2;
    }
  }
}

/** Returns columns as one input of the network: mean 0, standard deviation 1. */
function normalized(columns, epsilon) {
  const size = columns[0].length, values = new Float32Array(columns.length * size);
  columns.forEach((column, t) => values.set(column, t * size));
  let sum = 0, squares = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  for (const value of values) squares += (value - mean) ** 2;
  const scale = Math.sqrt(squares / values.length) + epsilon;
  return values.map((value) => (scale === 0 ? 0 : (value - mean) / scale));
}

/** Keeps the latest columns, and says which steps of 0.1 s a block of sound completed. */
class Steps {
  constructor(rule, stepS) {
    this.rule = rule;
    this.stepS = stepS;
    this.fft = new BrowserFft(rule);
    this.hopS = rule.hop_length / rule.rate_hz;
    this.count = 0;
    this.step = 1;
    // Before the first column it is quiet.
    this.recent = Array.from({length: rule.frames - 1}, () => new Float32Array(rule.bins).fill(rule.before_db));
  }

  /** Takes samples and returns [{timeS, input}]. */
  push(samples) {
    const reached = [];
    for (const column of this.fft.push(samples)) {
      this.recent.push(column);
      if (this.recent.length > this.rule.frames) this.recent.shift();
      while (Math.ceil((this.step * this.stepS) / this.hopS - 1e-9) - 1 === this.count) {
        const timeS = Math.round(this.step * this.stepS * 1e9) / 1e9;
        reached.push({timeS, input: normalized(this.recent, this.rule.epsilon)});
        this.step++;
      }
      this.count++;
    }
    return reached;
  }
}

/** Decides from smoothed scores when a word was heard. */
class Decider {
  constructor(contract) {
    const {labels, words, decision} = contract;
    this.labels = labels;
    this.rule = decision;
    this.isWord = labels.map((label) => words.includes(label));
    this.limits = labels.map((label) =>
      (Object.hasOwn(decision.thresholds, label) ? decision.thresholds[label] : decision.threshold));
    this.recent = [];
    this.held = labels.map(() => false);
    this.lastS = -Infinity;
    this.over = true;
    this.smoothed = labels.map(() => 0);
  }

  /** Takes the scores of the next step; returns the word that was heard, or null. */
  push(timeS, scores) {
    this.recent.push(scores);
    if (this.recent.length > this.rule.smoothing_steps) this.recent.shift();
    const {smoothed, held, limits, rule} = this;
    smoothed.forEach((_, index) => {
      smoothed[index] = this.recent.reduce((sum, row) => sum + row[index], 0) / this.recent.length;
      held[index] = held[index] && smoothed[index] >= rule.release * limits[index];
    });
    const best = smoothed.indexOf(Math.max(...smoothed));
    const ofWords = scores.reduce((sum, score, index) => sum + (this.isWord[index] ? score : 0), 0);
    this.over = this.over || ofWords < rule.handover;
    const pauseS = Math.max(rule.refractory_s, this.over ? 0 : rule.handover_s);
    const early = timeS - this.lastS < pauseS - 1e-9;
    if (!this.isWord[best] || smoothed[best] < limits[best] || held[best] || early) return null;
    held[best] = true;
    this.over = false;
    this.lastS = timeS;
    return {timeS, word: this.labels[best], probability: smoothed[best], index: best};
  }
}

/** Changes the rate of sound that arrives in blocks, by a windowed sinc of 32 zero crossings. */
class Resampler {
  constructor(fromHz, toHz) {
    this.step = fromHz / toHz;
    this.cut = Math.min(1, toHz / fromHz) * 0.97;
    this.reach = Math.ceil(32 / this.cut);
    this.kept = new Float32Array(this.reach);
    this.at = this.reach; // where the next output is, in what is kept
  }

  push(samples) {
    if (this.step === 1) return samples;
    const all = new Float32Array(this.kept.length + samples.length), output = [];
    all.set(this.kept);
    all.set(samples, this.kept.length);
    for (; this.at + this.reach < all.length; this.at += this.step) {
      let sum = 0;
      const first = Math.ceil(this.at - this.reach);
      for (let n = first; n <= this.at + this.reach; n++) {
        const x = n - this.at, turn = Math.PI * this.cut * x, away = (Math.PI * x) / this.reach;
        const bell = 0.42 + 0.5 * Math.cos(away) + 0.08 * Math.cos(2 * away);
        sum += all[n] * bell * (x === 0 ? this.cut : Math.sin(turn) / (Math.PI * x));
      }
      output.push(sum);
    }
    const from = Math.max(0, Math.floor(this.at - this.reach));
    this.kept = all.slice(from);
    this.at -= from;
    return Float32Array.from(output);
  }

  /** Returns the rest after the last samples. */
  flush() {
    return this.step === 1 ? new Float32Array(0) : this.push(new Float32Array(this.reach));
  }
}

/** Returns {rateHz, samples} of a WAV file, channels averaged, or null if it is none. */
function readWav(buffer) {
  const view = new DataView(buffer);
  const name = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 12 || name(0) !== 'RIFF' || name(8) !== 'WAVE') return null;
  let format = null;
  for (let at = 12; at + 8 <= buffer.byteLength;) {
    const id = name(at), start = at + 8, size = Math.min(view.getUint32(at + 4, true), buffer.byteLength - start);
    if (id === 'fmt ' && size >= 16) {
      format = {code: view.getUint16(start, true), channels: view.getUint16(start + 2, true),
        rateHz: view.getUint32(start + 4, true), bytes: view.getUint16(start + 14, true) / 8};
      if (format.code === 0xfffe && size >= 26) format.code = view.getUint16(start + 24, true);
    }
    if (id === 'data' && format) return wavSamples(view, start, size, format);
    at = start + size + (size % 2);
  }
  return null;
}

function wavSamples(view, start, size, {code, channels, rateHz, bytes}) {
  const readers = {
    '1/1': (at) => (view.getUint8(at) - 128) / 128,
    '1/2': (at) => view.getInt16(at, true) / 2 ** 15,
    '1/3': (at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 65536) / 2 ** 23,
    '1/4': (at) => view.getInt32(at, true) / 2 ** 31,
    '3/4': (at) => view.getFloat32(at, true),
    '3/8': (at) => view.getFloat64(at, true),
  };
  const read = readers[`${code}/${bytes}`];
  if (!read || !channels || rateHz < 1000 || rateHz > 768000) return null;
  const count = Math.floor(size / (channels * bytes)), samples = new Float32Array(count);
  for (let n = 0, at = start; n < count; n++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++, at += bytes) sum += read(at);
    samples[n] = Number.isFinite(sum) ? sum / channels : 0;
  }
  return {rateHz, samples};
}

/** Returns Teachdeck's drawn sound 0, whose scores are in the contract. */
function goldenSound(count) {
  return Float32Array.from({length: count}, (_, n) => {
    const glide = ((n * (5 + (n >> 11)) * 3) % 2048) - 1024;
    const tone = ((n * 41) % 512) - 256;
    const noise = ((n * 40503 + (n >> 3) * n * 13) % 1021) - 510;
    const burst = (n >> 12) % 3;
    const drawn = burst === 0 ? glide * 4 + tone : burst === 1 ? tone * 6 : 0;
    return (drawn + Math.floor(noise / 8)) / 32768;
  });
}
