// Pillow's resize of 8-bit pictures, bit for bit: Image.resize(size, resample, box).
//
// Output pixel i is centred at start + (i + 0.5) * step in the picture, where pixel k is centred at
// k + 0.5. The filter is stretched by step where that is above 1, its weights sum to 1 and are
// kept in 22 bits after the point. Each axis after the other, rounded and clipped in between.

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

const FILTERS = {
  bilinear: {support: 1, at: (x) => (Math.abs(x) < 1 ? 1 - Math.abs(x) : 0)},
  bicubic: {
    support: 2,
    at(value) {
      const a = -0.5, x = Math.abs(value);
      if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
      if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
      return 0;
    },
  },
};

/** Returns for each output pixel where its input begins, and the weights, as whole numbers. */
function resizeWeights(inputSize, start, end, outputSize, filter) {
  const step = (end - start) / outputSize;
  const stretch = Math.max(step, 1);
  const support = filter.support * stretch;
  const pixels = [];
  for (let i = 0; i < outputSize; i++) {
    const centre = start + (i + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(inputSize, Math.trunc(centre + support + 0.5));
    const weights = new Float64Array(last - first);
    let sum = 0;
    for (let k = 0; k < weights.length; k++) {
      weights[k] = filter.at((k + first - centre + 0.5) * (1 / stretch));
      sum += weights[k];
    }
    for (let k = 0; k < weights.length; k++) {
      const scaled = (sum === 0 ? weights[k] : weights[k] / sum) * (1 << PRECISION_BITS);
      weights[k] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
    pixels.push({first, weights});
  }
  return pixels;
}

function clipped(sum) {
  const value = Math.floor(sum / (1 << PRECISION_BITS));
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Resamples rows [begin, end) of a picture along x; takes 3 or 4 bytes a pixel, returns 3. */
function alongX(data, stride, width, begin, end, pixels) {
  const output = new Uint8Array((end - begin) * pixels.length * 3);
  let at = 0;
  for (let y = begin; y < end; y++) {
    for (const {first, weights} of pixels) {
      let red = HALF, green = HALF, blue = HALF;
      for (let k = 0, source = (y * width + first) * stride; k < weights.length; k++) {
        red += data[source] * weights[k];
        green += data[source + 1] * weights[k];
        blue += data[source + 2] * weights[k];
        source += stride;
      }
      output[at++] = clipped(red);
      output[at++] = clipped(green);
      output[at++] = clipped(blue);
    }
  }
  return output;
}

/** Resamples a picture along y; takes 3 or 4 bytes a pixel, returns 3. */
function alongY(data, stride, width, pixels) {
  const output = new Uint8Array(width * pixels.length * 3);
  let at = 0;
  for (const {first, weights} of pixels) {
    for (let x = 0; x < width; x++) {
      let red = HALF, green = HALF, blue = HALF;
      for (let k = 0, source = (first * width + x) * stride; k < weights.length; k++) {
        red += data[source] * weights[k];
        green += data[source + 1] * weights[k];
        blue += data[source + 2] * weights[k];
        source += stride * width;
      }
      output[at++] = clipped(red);
      output[at++] = clipped(green);
      output[at++] = clipped(blue);
    }
  }
  return output;
}

/**
 * Resizes a region of an RGBA picture, whose alpha is not looked at.
 *
 * data: bytes R, G, B, A; box: [left, top, right, bottom] in pixels, edges may fall between them.
 * Returns bytes R, G, B of size * size pixels.
 */
function resizeRgba(data, width, height, box, size, interpolation) {
  const filter = FILTERS[interpolation];
  // Pillow keeps the box in single precision.
  const [left, top, right, bottom] = box.map(Math.fround);
  const columns = resizeWeights(width, left, right, size, filter);
  const rows = resizeWeights(height, top, bottom, size, filter);
  // Pillow 13: the columns first where they shrink more than twice as much.
  if (height > size && height - size > (width - size) * 2) {
    return alongX(alongY(data, 4, width, rows), 3, width, 0, size, columns);
  }
  const begin = rows[0].first;
  const end = rows[size - 1].first + rows[size - 1].weights.length;
  const narrow = alongX(data, 4, width, begin, end, columns);
  for (const row of rows) row.first -= begin;
  return alongY(narrow, 3, size, rows);
}

/**
 * Averages blocks of factor * factor pixels to one, as Pillow's Image.reduce(factor) does.
 *
 * Blocks at the right and lower edge may be smaller. Takes and returns R, G, B, A; alpha is lost.
 */
function reduceRgba({data, width, height}, factor) {
  if (factor < 2) return {data, width, height};
  const across = Math.ceil(width / factor), down = Math.ceil(height / factor);
  const output = new Uint8ClampedArray(across * down * 4);
  for (let row = 0, at = 0; row < down; row++) {
    const bottom = Math.min(height, (row + 1) * factor);
    for (let column = 0; column < across; column++, at += 4) {
      const right = Math.min(width, (column + 1) * factor);
      const count = (right - column * factor) * (bottom - row * factor);
      const multiplier = Math.trunc(Math.fround(2 ** 32 / (256 * count)));
      let red = count >> 1, green = red, blue = red;
      for (let y = row * factor; y < bottom; y++) {
        for (let x = column * factor, source = (y * width + x) * 4; x < right; x++, source += 4) {
          red += data[source];
          green += data[source + 1];
          blue += data[source + 2];
        }
      }
      output[at] = Math.floor((red * multiplier) / 2 ** 24);
      output[at + 1] = Math.floor((green * multiplier) / 2 ** 24);
      output[at + 2] = Math.floor((blue * multiplier) / 2 ** 24);
    }
  }
  return {data: output, width: across, height: down};
}

/** Returns what the network sees of an RGBA picture: bytes R, G, B of its own size. */
function seenByNetwork(picture, rule, reduceToPx) {
  const shorter = Math.min(picture.width, picture.height);
  const {data, width, height} = reduceRgba(picture, Math.max(1, Math.trunc(shorter / reduceToPx)));
  const box = regionOf(width, height, rule);
  return resizeRgba(data, width, height, box, rule.input_size_px, rule.interpolation);
}

/** Returns [left, top, right, bottom] in pixels of what the network sees. */
function regionOf(width, height, rule) {
  if (rule.resize === 'squeeze') return [0, 0, width, height];
  const side = Math.min(width, height) * rule.crop_fraction;
  const x = (1 - side / width) / 2, y = (1 - side / height) / 2;
  return [x * width, y * height, (1 - x) * width, (1 - y) * height];
}
