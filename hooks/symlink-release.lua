--[[ hook
summary: put the release into a folder of its own, then swap a link to it in one step
events: [ApplicationStart]
with:
  link: {type: text, required: true, help: "the link, such as /srv/shop/current"}
  releases: {type: text, help: "where releases lie side by side, such as /srv/shop/releases"}
  from: {type: text, default: ., help: the folder of the bundle that is the release}
  keep: {type: integer, default: 3, help: "how many releases stay, this one among them"}
  target: {type: text, help: "a folder that is there already, in place of releases: nothing is copied"}
]]
local with = slipway.with
local fs = slipway.fs

if (with.releases == nil) == (with.target == nil) then
	slipway.fail("symlink-release takes either 'releases' or 'target'", "give it one of the two below 'with'")
elseif with.keep < 2 then
	slipway.fail(("keep: at least 2 expected, got %d: the release before must stay until the next"):format(with.keep))
elseif with.from:find("^/") or ("/" .. with.from .. "/"):find("/../", 1, true) then
	slipway.fail(("from: a folder of the bundle expected, got '%s'"):format(with.from))
end

-- Where the host, or a try, has its files.
local function placed(path)
	return path and (slipway.env.SLIPWAY_INSTALL_PREFIX or "") .. path:gsub("(.)/+$", "%1")
end

local link, releases = placed(with.link), placed(with.releases)

local function is_folder(path)
	local st = fs.stat(path)
	return st ~= nil and st.type == "directory"
end

-- The name of a release: of the deployment that the bundle came with. When a revision is brought back, that is not this one.
local function release_name()
	return slipway.archive_dir:match("([^/]+)/deployment%-archive$") or slipway.deployment
end

-- A folder with that name is complete: the name is what it gets last.
local function copy_release()
	local from, to = slipway.archive_dir .. "/" .. with.from, releases .. "/" .. release_name()
	if is_folder(to) then
		return to
	elseif not is_folder(from) then
		slipway.fail(("from: the bundle holds no folder '%s'"):format(with.from))
	end
	local new = releases .. "/." .. release_name() .. ".new"
	fs.mkdir(releases, { parents = true })
	for _, name in ipairs(fs.list(releases)) do
		if name:find("^%..*%.new$") then -- of a hook that was killed
			fs.remove(releases .. "/" .. name, { recursive = true })
		end
	end
	slipway.doing("copying the release")
	local ok, err = pcall(function()
		slipway.run{ "cp", "-R", "--preserve=mode,timestamps,links", "--", from .. "/.", new, check = true }
		slipway.run{ "touch", "--", new, check = true } -- releases go in the order in which they were made
		slipway.run{ "sync", "--file-system", "--", new, check = true } -- before a link leads to it
		fs.rename(new, to)
	end)
	if not ok then
		pcall(fs.remove, new, { recursive = true }) -- a full disk needs the room now
		error(err, 0)
	end
	return to
end

-- A folder of ours has the id of a deployment for a name. Whatever else lies there, data even, is not ours to remove.
local function is_release(name)
	return name:find("^d%-[%w-]+$") ~= nil
end

-- However a link spells where it leads: its last component is the name of the release.
local function name_of(path)
	return path and path:match("([^/]+)/*$")
end

-- What cannot be removed fails no deployment: the link leads to the new release already.
local function remove_old(current, previous)
	local old, kept = {}, { [name_of(current)] = true, [name_of(previous) or ""] = true }
	for _, name in ipairs(fs.list(releases)) do
		local path = releases .. "/" .. name
		local st = is_release(name) and not kept[name] and fs.stat(path, { follow = false })
		if st and st.type == "directory" then
			old[#old + 1] = { path = path, mtime = st.mtime }
		end
	end
	table.sort(old, function(a, b) return a.mtime > b.mtime end)
	for i = with.keep - (previous and 1 or 0), #old do
		local ok, err = pcall(fs.remove, old[i].path, { recursive = true })
		slipway.log(("removing the release %s%s"):format(old[i].path, ok and "" or ": " .. tostring(err)))
	end
end

local target = placed(with.target) or copy_release()
if not is_folder(target) then
	slipway.fail(("target: '%s' is no folder"):format(target), "let 'files' of the appspec install it before")
end

local there = fs.stat(link, { follow = false })
local previous = there and there.type == "link" and fs.readlink(link) or nil
fs.symlink(target, link)
slipway.log(("%s -> %s%s"):format(link, target, previous and previous ~= target and ", before " .. previous or ""))
if releases and not slipway.restore then
	remove_old(target, previous ~= target and previous or nil)
end
