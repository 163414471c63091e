# Judge answers to golden vectors: julia reader.jl VECTORS.jsonl ANSWERS.jsonl
# Says of every vector how many entries are outside their budgets; ends with 1 if any is, 2 if a file is not JSON.

function blank(s, i)
    while i <= length(s) && isspace(s[i])
        i += 1
    end
    return i
end

function value(s, i)  # of characters, from i on; returns what was read, and where it ended
    i = blank(s, i)
    kind = s[i]
    if kind == '"'  # escapes stay as they are: no name needs one
        j = i + 1
        while s[j] != '"'
            j += s[j] == '\\' ? 2 : 1
        end
        return String(s[i+1:j-1]), j + 1
    elseif kind == '{' || kind == '['
        out = kind == '{' ? Dict{String,Any}() : Any[]
        i = blank(s, i + 1)
        while s[i] != '}' && s[i] != ']'
            item, i = value(s, i)
            if kind == '{'
                out[item], i = value(s, blank(s, i) + 1)  # behind the colon
            else
                push!(out, item)
            end
            i = blank(s, i)
            i = s[i] == ',' ? blank(s, i + 1) : i
        end
        return out, i + 1
    end
    j = i
    while j <= length(s) && !(s[j] in ",]} \t\r\n")
        j += 1
    end
    word = String(s[i:j-1])
    return word in ("true", "false", "null") ? word : parse(Float64, word), j  # raises for what is no number
end

function outside(want, budget, given)  # how many entries; lists of one shape, numbers at the bottom
    if !(want isa Vector)
        return given isa Float64 && abs(given - want) <= budget ? 0 : 1
    end
    given isa Vector && length(given) == length(want) || return 1
    return sum(outside(want[k], budget[k], given[k]) for k in eachindex(want); init = 0)
end

function whole(line)
    s = collect(strip(line))
    found, i = value(s, 1)
    return i > length(s) ? found : error("not JSON: $line")
end

lines(name) = [whole(line) for line in eachline(name) if !isempty(strip(line))]

function main(vectors, answers)
    given = Dict(answer["id"] => answer for answer in lines(answers) if answer isa Dict && haskey(answer, "id"))
    wrong = 0
    for vector in lines(vectors)
        gradients = get(get(given, vector["id"], Dict()), "gradients", nothing)
        bad = 0
        for (name, expected) in vector["expected"]["gradients"]
            bad += outside(expected["value"], expected["budget"], gradients === nothing ? nothing : get(gradients, name, nothing))
        end
        said = gradients === nothing ? "no answer" : bad > 0 ? "$bad outside" : "ok"
        println(vector["id"], ": ", said)
        wrong += bad
    end
    return wrong > 0 ? 1 : 0
end

length(ARGS) == 2 || (println(stderr, "usage: julia reader.jl VECTORS.jsonl ANSWERS.jsonl"); exit(2))
exit(try main(ARGS...) catch error; println(stderr, "reader: ", sprint(showerror, error)); 2 end)
