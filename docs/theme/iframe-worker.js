/* A browser starts no worker for a page that lies on a disk, and the search is one. Here its script runs in a hidden
   frame instead. Messages are copies, as a worker's are; those that come before the script has loaded wait. */
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      inside.postMessage = data => this.onmessage?.(message(data))
      this.loaded = new Promise((resolve, reject) => {
        const script = inside.document.createElement("script")
        script.onload = resolve
        script.onerror = reject
        script.src = new URL(url, location)
        inside.document.body.append(script)
      })
      this.loaded.catch(() => this.onerror?.(new Event("error")))
    }

    postMessage(data) {
      const copy = message(data)
      this.loaded.then(() => this.frame.contentWindow?.onmessage?.(copy), () => {})
    }

    terminate() {
      this.frame.remove()
    }
  }

  const message = data => new MessageEvent("message", { data: structuredClone(data) })
}
