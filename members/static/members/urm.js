/* urm.js: events from a page. Commands, options and what is sent: docs/developers.md. */
(function (window, document, navigator) {
  "use strict";

  var WHO = "urm.who", QUEUE = "urm.queue", CONSENT = "urm.consent";
  var BATCH = 50, BATCH_CHARACTERS = 20000, MOST_WAITING = 500;
  var IDLE_MS = 30000, REPORT_SECONDS = 60;

  var script = document.currentScript;
  var waiting = (window.urm && window.urm.q) || [];
  var memory = {}, handed = {};
  var options, path, search, timer, sending, halted, failures = 0;
  var spent = 0, ticked = 0, activeAt = 0;

  // localStorage may be blocked or full: then this page alone remembers.
  function read(name) {
    try {
      return name in memory ? memory[name] : JSON.parse(localStorage.getItem(name));
    } catch (error) {
      return memory[name];
    }
  }

  function write(name, value) {
    try {
      if (value) localStorage.setItem(name, JSON.stringify(value));
      else localStorage.removeItem(name);
      delete memory[name];
    } catch (error) {
      memory[name] = value;
    }
  }

  function warn(message) {
    if (window.console) console.warn("urm: " + message);
  }

  function random() {
    return Array.from(crypto.getRandomValues(new Uint32Array(4)), function (part) {
      return part.toString(36);
    }).join("");
  }

  function allowed() {
    if (options.dnt !== "ignore" && (navigator.globalPrivacyControl || navigator.doNotTrack === "1")) return false;
    var consent = read(CONSENT);
    return consent ? consent === "yes" : options.consent !== "required";
  }

  function who() {
    var me = read(WHO);
    if (!me) write(WHO, (me = {anonymous: random()}));
    return me;
  }

  // --- where from

  function host(address) {
    try {
      return new URL(address).host;
    } catch (error) {
      return "";
    }
  }

  // What brought the visitor to this very page; undefined when the page before was one of ours.
  function arrival() {
    var touch = {}, found, from = search === undefined && host(document.referrer);
    if (location.search === search) return;
    search = location.search;
    new URLSearchParams(search).forEach(function (value, name) {
      if (/^(utm_(source|medium|campaign|term|content)|src)$/.test(name)) {
        found = touch[name] = value.slice(0, 200);
      }
    });
    if (from && from !== location.host) found = touch.referrer = from;
    if (!found) return;
    touch.landing_page = location.pathname;
    return touch;
  }

  function here() {
    return location.pathname + (/^#!?\//.test(location.hash) ? location.hash : "");
  }

  // --- the queue: shared by all tabs of the site; the server drops what arrives twice

  function put(item) {
    var queue = read(QUEUE) || [];
    item.event_id = random();
    queue.push(item);
    write(QUEUE, queue.slice(-MOST_WAITING));
    later(queue.length < BATCH ? 1000 : 0);
  }

  function later(milliseconds) {
    if (!timer) timer = setTimeout(send, milliseconds);
  }

  function pick(skip) {
    var size = 0;
    return (read(QUEUE) || []).filter(function (item, at) {
      if (skip[item.event_id]) return false;
      size += JSON.stringify(item).length;
      return at < BATCH && (!at || size < BATCH_CHARACTERS);
    });
  }

  // A text/plain body needs no preflight, and a beacon can't have headers: so the key stands in the body.
  function body(items) {
    return JSON.stringify({key: options.key, sent_at: new Date().toISOString(), batch: items});
  }

  function send() {
    timer = 0;
    var items = options && !sending && !halted && allowed() ? pick({}) : [], pause = 0;
    if (!items.length) return;
    sending = true;
    fetch(options.endpoint, {method: "POST", body: body(items), credentials: "omit"})
      .then(function (answer) {
        if (answer.status === 429 || answer.status >= 500) {
          pause = answer.headers.get("Retry-After") * 1000;
          throw answer;
        }
        failures = 0;
        halted = answer.status === 401 || answer.status === 403; // a wrong key: keep all for when it is put right
        if (!halted) {
          var ids = {};
          items.forEach(function (item) { ids[item.event_id] = true; });
          write(QUEUE, (read(QUEUE) || []).filter(function (item) { return !ids[item.event_id]; }));
        }
        return answer.json().then(function (told) {
          if (told.error) warn(told.error.message);
          (told.refused || []).forEach(function (one) { warn(one.field + ": " + one.message); });
        });
      })
      .catch(function () {
        failures += 1;
        pause = Math.max(pause, Math.min(300000, 1000 * Math.pow(2, failures)) * (0.5 + Math.random() / 2));
      })
      .then(function () {
        sending = false;
        if ((read(QUEUE) || []).length) later(pause);
      });
  }

  // The page goes: nobody hears the answer, so the items stay in the queue and the next page sends them again.
  function leave() {
    report();
    var items = options && !halted && allowed() && navigator.sendBeacon ? pick(handed) : [];
    if (items.length && navigator.sendBeacon(options.endpoint, body(items))) {
      items.forEach(function (item) { handed[item.event_id] = true; });
    }
  }

  // --- time spent: seconds in which the page was visible and its reader active

  function tick() {
    var now = Date.now();
    if (document.visibilityState === "visible" && now - activeAt < IDLE_MS) spent += Math.min(now - ticked, 2000);
    ticked = now;
    if (spent >= REPORT_SECONDS * 1000) report();
  }

  function report() {
    var seconds = Math.round(spent / 1000);
    if (!seconds) return;
    spent = 0;
    track("time_spent", {seconds: seconds});
  }

  // --- commands

  function track(name, properties) {
    if (!allowed()) return;
    var me = who();
    var event = {name: name, occurred_at: new Date().toISOString()};
    event.properties = Object.assign({path: path || here()}, me.last, properties);
    event[me.external ? "external_id" : "anonymous_id"] = me.external || me.anonymous;
    put(event);
  }

  function page(properties) {
    report();
    path = here();
    if (!allowed()) return;
    var me = who(), touch = arrival(), more = {title: document.title.slice(0, 200)};
    if (touch && JSON.stringify(touch) !== JSON.stringify(me.last)) {
      me.last = touch;
      me.first = me.first || touch;
      write(WHO, me);
      more.first_touch = me.first;
    }
    track("page_view", Object.assign(more, properties));
  }

  function moved() {
    if (here() !== path) page();
  }

  function watch() {
    ["pushState", "replaceState"].forEach(function (name) {
      var original = history[name];
      history[name] = function () {
        var result = original.apply(this, arguments);
        setTimeout(moved); // the page sets its title after it
        return result;
      };
    });
    addEventListener("popstate", moved);
    addEventListener("hashchange", moved);
    addEventListener("pageshow", function (event) { if (event.persisted) page(); });
  }

  var commands = {
    init: function (given) {
      if (options || !given.key) return;
      options = Object.assign({}, given);
      var base = options.endpoint || (script ? script.src : location.href);
      options.endpoint = new URL("/api/v1/collect", base).href;
      path = here();
      if (options.heartbeat !== "off") {
        activeAt = ticked = Date.now();
        ["pointerdown", "pointermove", "keydown", "scroll", "touchstart"].forEach(function (name) {
          addEventListener(name, function () { activeAt = Date.now(); }, {passive: true, capture: true});
        });
        setInterval(tick, 1000);
      }
      addEventListener("pagehide", leave);
      document.addEventListener("visibilitychange", function () {
        if (document.visibilityState === "hidden") leave();
        else later(1000);
      });
      addEventListener("online", function () { clearTimeout(timer); timer = failures = 0; send(); });
      if (options.auto !== "off") {
        watch();
        page();
      }
      later(1000); // what an earlier page left
    },
    page: page,
    track: track,
    identify: function (externalId, traits) {
      if (!allowed()) return;
      var me = who();
      if (me.external && me.external !== externalId) {
        write(WHO, null); // somebody else at this device
        me = who();
      }
      me.external = externalId;
      write(WHO, me);
      put({identify: {external_id: externalId, anonymous_id: me.anonymous, traits: traits || {}}});
    },
    reset: function () { write(WHO, null); },
    consent: function (granted) {
      var before = allowed();
      write(CONSENT, granted ? "yes" : "no");
      spent = 0;
      if (!granted) {
        write(WHO, null);
        write(QUEUE, null);
      } else if (!before && options.auto !== "off") page();
    },
    id: function () { return allowed() ? who().anonymous : null; }
  };

  window.urm = function (name, first, second) {
    if (!commands[name]) return warn("unknown command " + name);
    if (options || name === "init") {
      var result = commands[name](first, second);
      if (name === "init" && options) waiting.splice(0).forEach(function (call) { window.urm.apply(null, call); });
      return result;
    }
    waiting.push(arguments);
  };

  if (script && script.dataset.key) window.urm("init", script.dataset);
  else waiting.splice(0).forEach(function (call) { window.urm.apply(null, call); });
})(window, document, navigator);
