// Light or dark before the first paint, as chosen in the admin (unfold keeps it under this name) or by the system.
(() => {
  let theme = "auto";
  try { theme = JSON.parse(localStorage.getItem("adminTheme")) || "auto"; } catch { /* storage is refused: as the system */ }
  if (theme === "auto") theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.classList.toggle("dark", theme === "dark");
})();
