--[[ hook
summary: post a message to a webhook, Slack's kind or your own
with:
  url: {type: text, required: true, help: "where to; keep what is secret of it in a variable: {{NAME}}"}
  text: {type: text, help: "of the message (application, group, deployment and event in a line)"}
  payload: {type: map, help: "sent as JSON in place of the text"}
  optional: {type: boolean, default: true, help: a message that cannot be sent fails nothing}
]]
local with = slipway.with

if with.text and with.payload then
	slipway.fail("webhook takes either 'text' or 'payload', not both", "put the text into the payload")
end

local text = with.text or ("%s on %s: %s of deployment %s"):format(slipway.application or "?", slipway.group or "?",
	slipway.event or "?", slipway.deployment or "?")

if slipway.env.SLIPWAY_TRY then
	slipway.log("a try: nobody is told " .. (with.payload and slipway.json.encode(with.payload) or text))
	return
end

-- Whoever knows the address can post. Servers like to repeat a path that they do not know, so a long one is a secret by
-- itself; an empty variable is none, and no reason to fail.
local path = with.url:match("^%a+://[^/?#]*(.*)") or ""
for secret, least in pairs{ [with.url] = 4, [path] = 16 } do
	if #secret >= least then
		slipway.secret(secret)
	end
end
slipway.notify{
	url = with.url,
	text = not with.payload and text or nil,
	payload = with.payload,
	optional = with.optional,
}
