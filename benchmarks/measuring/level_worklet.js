// Measures how loud its input is, block by block, and posts the context's time of each block's end.
registerProcessor("level", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.times = [];
    this.values = [];
  }

  process(inputs) {
    const samples = inputs[0][0];
    let sum = 0;
    if (samples) for (const sample of samples) sum += sample * sample;
    this.times.push(currentTime + 128 / sampleRate);
    this.values.push(samples ? Math.sqrt(sum / samples.length) : 0);
    if (this.times.length >= 4) {
      this.port.postMessage({ times: this.times, values: this.values });
      this.times = [];
      this.values = [];
    }
    return true;
  }
});
