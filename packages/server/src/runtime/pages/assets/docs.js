// Draws the API. The bundle is a classic script with `defer` and stands before this module, so it has run by now.
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Swagger UI has a dark appearance, chosen by a class of the document. */
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
  // Asks nobody outside whether the description is valid.
  validatorUrl: null,
});
