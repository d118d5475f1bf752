// Swagger UI needs one call; a file of its own because the page allows no inline script.
SwaggerUIBundle({
  dom_id: "#docs",
  url: document.getElementById("docs").dataset.schema,
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
});
