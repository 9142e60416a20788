// Renders the API. The bundle is a classic script with `defer` before this module, so it has run already.
const dark = matchMedia("(prefers-color-scheme: dark)");

/** A class of the document selects Swagger UI's dark appearance. */
const followColours = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followColours);
followColours();

globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  tryItOutEnabled: false,
  // Disables the online validator.
  validatorUrl: null,
});
