-- What a hook under test has as it is, because it computes or touches nothing but files: functions of the library, or a
-- whole table of them. All others can be faked. docs/lua.md lists them, too.
return { fail = true, fs = true, json = true, raise = true, secret = true, sha256 = true, yaml = true }
