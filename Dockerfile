FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY src/mail/templates src/mail/templates
# Node.js reads the module type and the path of the templates from it.
COPY package.json ./
ENV HOST=0.0.0.0 PORT=3000 SIGNUP_PASSWORD_FIELD=redacted
EXPOSE 3000
# Numeric, because Kubernetes' runAsNonRoot cannot check a name. It is the user node of the base image.
USER 1000:1000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The command of `npm start`, without npm, so that the service receives Docker's signals itself.
CMD ["node", "dist/server.js"]
