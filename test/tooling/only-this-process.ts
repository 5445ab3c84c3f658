// Preloaded where coverage is counted. Node hands its wish for coverage on to every Node it starts, and those that a
// test kills while they write leave half a file, on which the report of all fails. So only the tests' own
// processes count; they have begun to when this runs.
delete process.env.NODE_V8_COVERAGE;
