// Runs in the page: notes of every picture that is shown its time, how open the mouth is and how loud the sound is.
// Knows nothing of the page but its video element.
window.observer = {
  states: [], // every state that the page has been in
  samples: [], // [seconds of the picture's own clock, openness 0..1, loudness (root mean square), presented so far, ms]
  box: null,
  stream: null,
  analyser: null,
  wave: new Float32Array(2048), // 43 ms: a little more than a picture

  /** From now on. box: where the mouth is, in pixels of the picture. */
  watch(box) {
    this.box = box;
    this.canvas = new OffscreenCanvas(box.width, box.height).getContext("2d", { willReadFrequently: true });
    this.context = new AudioContext();
    const video = window.lipcast.videoElement;
    const look = (now, shown) => {
      this.samples.push([shown.rtpTimestamp / 90000, this.openness(video), this.loudness(video), shown.presentedFrames,
        performance.timeOrigin + now]);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  },

  /** The darkness of the box: the inside of a mouth is darker than lips. */
  openness(video) {
    const { x, y, width, height } = this.box;
    this.canvas.drawImage(video, x, y, width, height, 0, 0, width, height);
    const { data } = this.canvas.getImageData(0, 0, width, height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
    return 1 - sum / (data.length / 4) / 3 / 255;
  },

  loudness(video) {
    if (video.srcObject !== this.stream) {
      this.stream = video.srcObject;
      this.analyser = new AnalyserNode(this.context, { fftSize: this.wave.length });
      this.context.createMediaStreamSource(this.stream).connect(this.analyser);
    }
    this.analyser.getFloatTimeDomainData(this.wave);
    return Math.sqrt(this.wave.reduce((power, sample) => power + sample * sample, 0) / this.wave.length);
  },

  /** How many seconds of the picture's own clock have been noted. */
  seconds() {
    return this.samples.length < 2 ? 0 : this.samples.at(-1)[0] - this.samples[0][0];
  },
};

new MutationObserver(() => {
  const { state } = document.documentElement.dataset;
  if (state && state !== observer.states.at(-1)) observer.states.push(state);
}).observe(document, { attributes: true, attributeFilter: ["data-state"], subtree: true, childList: true });
