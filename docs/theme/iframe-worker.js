/* A browser starts no worker for a page that lies on a disk, and the search is one. Here its script runs in a hidden
   frame instead. Messages that come before it has loaded wait. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.append(this.frame)
      const inside = this.frame.contentWindow
      inside.postMessage = data => this.onmessage?.(new MessageEvent("message", { data }))
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
      const deliver = () => this.frame.contentWindow?.onmessage?.(new MessageEvent("message", { data }))
      this.loaded.then(deliver, () => {})
    }

    terminate() {
      this.frame.remove()
    }
  }
}
