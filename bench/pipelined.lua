-- Sixteen requests in one write, as TechEmpower's plaintext test does it.
init = function()
  local all = {}
  for i = 1, 16 do all[i] = wrk.format(nil, "/") end
  batch = table.concat(all)
end

request = function() return batch end
