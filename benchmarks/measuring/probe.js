// Runs in the page: notes how open the shown mouth is and how loud microphone and received sound are, with times.
// All times are milliseconds of performance.now(). Knows nothing of the server.
window.probe = {
  context: null,
  offset: Infinity, // performance.now() − context time, of the fastest recent message: that with the least waiting
  lips: [], // [time shown, openness]
  frames: [], // [time shown, RTP timestamp]: which frame it was
  levels: {}, // name → [context time, level, when the page heard of it, …]: flat, for an hour has millions
  interrupts: [], // [time asked, time answered]
  hidden: 0,

  async listen(name, stream) {
    if (!this.context) {
      this.context = new AudioContext({ latencyHint: "interactive" });
      await this.context.audioWorklet.addModule(URL.createObjectURL(new Blob([window.LEVEL_WORKLET], { type: "text/javascript" })));
      await this.context.resume();
    }
    const node = new AudioWorkletNode(this.context, "level", { numberOfOutputs: 0 });
    const levels = (this.levels[name] = []);
    node.port.onmessage = ({ data }) => {
      const now = performance.now();
      this.offset = Math.min(this.offset, now - data.times.at(-1) * 1000);
      data.times.forEach((time, index) => levels.push(time, data.values[index], now));
    };
    this.context.createMediaStreamSource(stream).connect(node);
  },

  watch(video, box, series = "lips") {
    const canvas = new OffscreenCanvas(box.width, box.height);
    const picture = canvas.getContext("2d", { willReadFrequently: true });
    const look = (now, metadata) => {
      picture.drawImage(video, box.x, box.y, box.width, box.height, 0, 0, box.width, box.height);
      const pixels = picture.getImageData(0, 0, box.width, box.height).data;
      let sum = 0;
      for (let place = 0; place < pixels.length; place += 4) sum += pixels[place] + pixels[place + 1] + pixels[place + 2];
      const shown = Math.max(metadata.expectedDisplayTime, now);
      this[series].push([shown, 1 - sum / (pixels.length / 4) / 3 / 255]);
      if (series === "lips") this.frames.push([shown, metadata.rtpTimestamp]);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  },

  async interrupt(url) {
    const asked = performance.now();
    await fetch(`${url}/interrupt`, { method: "POST" });
    this.interrupts.push([asked, performance.now()]);
  },

  // Interrupts, every `everyMs`, as soon as the lips have just been seen to open.
  interruptOften(url, everyMs, threshold) {
    let next = performance.now() + everyMs;
    let closedSince = 0;
    setInterval(() => {
      const last = this.lips.at(-1);
      if (!last) return;
      if (last[1] < threshold) closedSince ||= last[0];
      else if (closedSince && performance.now() > next) {
        next = performance.now() + everyMs;
        closedSince = 0;
        this.interrupt(url);
      } else closedSince = 0;
    }, 5);
  },

  // A flash and a beep of known distance, through a loopback connection: what the instruments themselves add.
  async calibrate(offsetsMs, count) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 128 });
    const paint = canvas.getContext("2d");
    await this.listen("unused", new AudioContext().createMediaStreamDestination().stream);
    const sink = this.context.createMediaStreamDestination();
    const tone = this.context.createOscillator();
    const gate = this.context.createGain();
    gate.gain.value = 0;
    tone.connect(gate).connect(sink);
    tone.start();
    const sent = new MediaStream([...canvas.captureStream(25).getVideoTracks(), ...sink.stream.getAudioTracks()]);
    const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
    near.onicecandidate = ({ candidate }) => candidate && far.addIceCandidate(candidate);
    far.onicecandidate = ({ candidate }) => candidate && near.addIceCandidate(candidate);
    const video = Object.assign(document.createElement("video"), { autoplay: true, muted: true, playsInline: true });
    document.body.append(video);
    const arrived = new Promise((resolve) => { far.ontrack = ({ streams }) => resolve(streams[0]); });
    sent.getTracks().forEach((track) => near.addTrack(track, sent));
    await near.setLocalDescription(await near.createOffer());
    await far.setRemoteDescription(near.localDescription);
    await far.setLocalDescription(await far.createAnswer());
    await near.setRemoteDescription(far.localDescription);
    const received = await arrived;
    far.getReceivers().forEach((receiver) => { receiver.jitterBufferTarget = 0; });
    video.srcObject = received;
    this.flashes = [];
    await new Promise((resolve) => { video.onloadeddata = resolve; this.idle = setInterval(() => this.paint(paint, 0), 20); });
    this.watch(video, { x: 0, y: 0, width: 128, height: 128 }, "flashes");
    await this.listen("beeps", received);
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await wait(3000); // two sender reports of each track must have come before a browser aligns them
    const events = [];
    for (const offsetMs of offsetsMs) {
      for (let number = 0; number < count; number += 1) {
        const beep = this.context.currentTime + 0.25;
        gate.gain.setValueAtTime(0.3, beep);
        gate.gain.setValueAtTime(0, beep + 0.2);
        const flash = this.offset + beep * 1000 + offsetMs;
        await wait(flash - performance.now());
        this.bright = true;
        this.paint(paint);
        const flashed = performance.now();
        await wait(200);
        this.bright = false;
        events.push({ offsetMs, beep, flashed: flashed, beeped: this.offset + beep * 1000 });
        await wait(450 + 37 * (number % 3));
      }
    }
    clearInterval(this.idle);
    near.close();
    far.close();
    video.remove();
    return events;
  },

  bright: false,
  paint(context) {
    this.turn = !this.turn; // a picture that changes, so that one is sent for every frame
    context.fillStyle = this.bright ? (this.turn ? "#000" : "#010101") : this.turn ? "#fff" : "#fefefe";
    context.fillRect(0, 0, 128, 128);
  },
};
